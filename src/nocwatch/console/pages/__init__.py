"""The pages, one module a topic: each reads its URL, asks the archive, hands a view to its template."""
