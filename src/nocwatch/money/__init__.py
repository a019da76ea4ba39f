"""What sessions cost and save, estimated from the operator's registry: price, tax, split, cost, margin, CO2, NOx, fuel.

Pure and decimal: values in, values out. ``estimate(session, points, tariff=…, place=…, factors=…, vehicle=…)`` is all that others call;
tariff, place and vehicle come from ``registry.places.Places``.
"""

from nocwatch.money.curve import CurvePoint, points_of_hours
from nocwatch.money.estimate import Estimate, Split, estimate
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
    "points_of_hours",
]
