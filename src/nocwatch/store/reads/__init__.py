"""Queries, one module a subject. Each takes a reader connection and gives values; none writes."""
