"""A file's contract is written anew from its graph, which stays as it is: ``python -m export.restate FILE.onnx...``.

For files whose contract does not state the number of their weights or states another precision than they have. No new training is needed.
"""

import sys
from pathlib import Path

import onnx

from engine.base.files import whole_file
from engine.onnx.contract import Contract
from export.graph import save


def restate(path: Path) -> Contract:
    """Rewrite the metadata of the file at ``path``; return its contract. Raises PerfLiveError when it has none; then it stays as it is."""
    model = onnx.load(path)
    contract = Contract.from_metadata({each.key: each.value for each in model.metadata_props}, str(path))
    with whole_file(path) as partial:
        return save(model, contract, partial)


def main() -> None:
    for path in map(Path, sys.argv[1:]):
        contract = restate(path)
        print(f"{path}: {contract.parameters} parameters, {contract.precision}")


if __name__ == "__main__":
    main()
