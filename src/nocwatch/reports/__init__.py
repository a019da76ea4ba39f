"""Reports that leave the house: session lists in the columns of others, and a page about one station for its vendor.

Pure: values in, rows and pages out. What is not known is empty, never 0, and tokens are key-hashed wherever they show.
"""
