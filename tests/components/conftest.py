from pathlib import Path

import pandas as pd
import pytest


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    """The reference rows the closed forms were fitted to or are checked against, each with its source."""
    return pd.read_csv(Path(__file__).parents[1] / "data" / "components.csv")
