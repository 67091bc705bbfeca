"""Progress details of a run, in words and figures for the panel."""

from exports.progress.details import Progress, progress_of

__all__ = ["Progress", "progress_of"]
