"""The one code location: every group of ``$DQ_CONFIG``, else of ``./dq.yaml``."""

import warnings

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of the configuration; without one, the metadata schema alone, with a warning."""
    from dq_assets.orchestration import build_defs
    from dq_assets.settings import Settings
    from dq_assets.settings_file import find_settings_path, load_settings

    path = find_settings_path(None)
    if path is None:
        warnings.warn("No configuration: set DQ_CONFIG or put dq.yaml into the working directory.", stacklevel=2)
        return build_defs(Settings(version=1))
    return build_defs(load_settings(path))
