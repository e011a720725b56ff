"""Write fastbp/datasets/digits.csv.gz from the copy of the digits that scikit-learn ships.

Run from the repository's root with scikit-learn installed::

    python tests/golden/make_digits.py

The values are copied unchanged; a header row is added, and the compressed file carries neither a
name nor a time, so that the same zlib writes the same bytes each time.
"""

import gzip
import hashlib
import sys
from importlib import resources
from pathlib import Path

TARGET = Path(__file__).parents[2] / "fastbp" / "datasets" / "digits.csv.gz"
ROWS = 1797
COLUMNS = [f"pixel_{row}{column}" for row in range(8) for column in range(8)] + ["digit"]


def digits_csv() -> bytes:
    """Return the data set as comma-separated text with a header row."""
    source = resources.files("sklearn.datasets.data") / "digits.csv.gz"
    rows = [
        [int(float(field)) for field in line.split(",")]
        for line in gzip.decompress(source.read_bytes()).decode("ascii").split()
    ]
    if len(rows) != ROWS or any(len(row) != len(COLUMNS) for row in rows):
        raise SystemExit(f"{source} must have {ROWS} rows of {len(COLUMNS)} numbers")
    if not all(0 <= pixel <= 16 for row in rows for pixel in row[:-1]):
        raise SystemExit(f"{source} must have pixels in 0..16")
    lines = [",".join(COLUMNS), *(",".join(map(str, row)) for row in rows)]
    return ("\n".join(lines) + "\n").encode("ascii")


def main() -> int:
    """Write the file and print what it holds."""
    text = digits_csv()
    packed = gzip.compress(text, compresslevel=9, mtime=0)
    TARGET.write_bytes(packed)
    print(
        f"{TARGET.name}: {len(packed)} bytes, sha256 of the text {hashlib.sha256(text).hexdigest()}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
