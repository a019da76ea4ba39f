"""What sessions cost and save, estimated from the operator's registry: price, tax, split, cost, margin, CO2, NOx, fuel.

Pure and decimal: values in, values out. ``estimated(session, points, places)`` is what others call; ``estimate`` where they know better
which tariff, place, factors and vehicle hold.
"""

from nocwatch.money.curve import CurvePoint, points_of_hours
from nocwatch.money.estimate import Estimate, Split, estimate, estimated
from nocwatch.money.impact import Impact
from nocwatch.money.price import Line, Price

__all__ = [
    "CurvePoint",
    "Estimate",
    "Impact",
    "Line",
    "Price",
    "Split",
    "estimate",
    "estimated",
    "points_of_hours",
]
