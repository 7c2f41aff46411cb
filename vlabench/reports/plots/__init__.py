"""Records → figures: `draw` looks a kind up in KINDS; a new kind is one function there. Others play episodes."""

from vlabench.reports.plots.curves import CURVES, curves
from vlabench.reports.plots.data import Data, load
from vlabench.reports.plots.episodes import Choice
from vlabench.reports.plots.kinds import KINDS, WHOLE, draw
from vlabench.reports.plots.strips import STRIPS, strips
from vlabench.reports.plots.style import check_target, rendered, save
from vlabench.reports.plots.trajectories import TRAJECTORIES, trajectories

__all__ = ["CURVES", "KINDS", "STRIPS", "TRAJECTORIES", "WHOLE", "Choice", "Data", "check_target", "curves", "draw",
           "load", "rendered", "save", "strips", "trajectories"]
