"""Pictures of networks and of how they learn, by matplotlib (`pip install "fastbp[plot]"`).

>>> import fastbp as fb
>>> net = fb.mlp([2, 8, 1], hidden="tanh")
>>> from matplotlib.figure import Figure
>>> ax = fb.plot.network(net, ax=Figure().add_subplot())

Each function returns the Axes that it drew into. With `ax` it draws into that one and makes no
figure; without, it makes a figure by pyplot, which `matplotlib.pyplot.show` shows.
"""

from fastbp.plot.curves import history
from fastbp.plot.graph import network
from fastbp.plot.landscape import loss_surface
from fastbp.plot.matrices import weights
from fastbp.plot.regions import decision
from fastbp.plot.vitals import health

__all__ = ["decision", "health", "history", "loss_surface", "network", "weights"]
