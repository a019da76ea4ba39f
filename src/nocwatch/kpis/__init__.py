"""Key figures: what each counts, by which definition, and how sure it is. Pure: sums and sessions in, figures out.

Sums are pooled over whatever is asked for, and ratios are made last: a ratio is never averaged.
"""
