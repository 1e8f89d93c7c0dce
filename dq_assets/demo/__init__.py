"""The demo: a real pipeline on real data, from landing files to alerts, through Dagster.

Decision: nothing here takes part in the platform. The demo lands files, lets the platform's own sensor notice them, and holds what is said
against an answer key that profiling and testing never see.
"""

from dq_assets.demo.report import DemoReport
from dq_assets.demo.run import clean_demo, run_demo

__all__ = ["DemoReport", "clean_demo", "run_demo"]
