"""The watch on its own, over a journal that is made for it."""
