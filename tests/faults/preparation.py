"""Faults in how rows are made ready, and in the copies that predictions keep instead."""

from .fault import Fault

STANDARD = [
    Fault(
        "a standardised number is the difference of two quotients",
        "standard.pxd",
        "z[j] = <real> ((<double> x[j] - mean[j]) / scale[j])",
        "(<double> x[j] - mean[j]) / scale[j]",
        "<double> x[j] / scale[j] - mean[j] / scale[j]",
    ),
    Fault(
        "a standardised row is finite if its last number is",
        "standard.pxd",
        "beyond |= is_beyond(z[j])",
        "",
        "beyond = is_beyond(z[j])",
    ),
    Fault(
        "the last standardised row that is not finite is told",
        "standard.pxd",
        "if beyond and first < 0:",
        "first < 0",
        "True",
    ),
    Fault(
        "a standardised float32 that is not a number passes",
        "standard.pxd",
        "return not (-FLT_MAX <= z <= FLT_MAX)",
        "not (-FLT_MAX <= z <= FLT_MAX)",
        "z < -FLT_MAX or z > FLT_MAX",
    ),
]

COPIES = [
    Fault(
        "a folded copy does not look at parameters again",
        "fastbp/folding.py",
        "if source != self._source or scaling is not self._scaling:",
        "source != self._source",
        "not self._source",
    ),
    Fault(
        "a folded copy keeps the bias of the parameters before",
        "fastbp/folding.py",
        "made[end : end + added] = 0",
        "",
        "",
    ),
]

FAULTS = [*STANDARD, *COPIES]
