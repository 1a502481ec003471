"""Float32 ONNX file -> the same graph with 8-bit weights."""

import logging
from pathlib import Path

import onnx

from engine.onnx.contract import Contract
from export.graph import save


def quantise(source: Path, target: Path, contract: Contract, by_channel: bool = False) -> None:
    """Write ``source`` to ``target``, the weights of matrix products in 8 bits, their activations quantised as they come.

    Processors that have AVX2 or AVX-512 but no VNNI add pairs of products with signed weights in 16 bits and saturate, so the weights
    are unsigned; ``by_channel`` they are signed, which is faster, and have seven bits, with which no such sum is too large.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic  # after engine.onnx, which turns its telemetry off

    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # one line for each tensor that stays as it is
    try:
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul", "Gemm"],
            weight_type=QuantType.QInt8 if by_channel else QuantType.QUInt8,
            per_channel=by_channel,
            reduce_range=by_channel,
        )
    finally:
        logger.setLevel(level)
    save(onnx.load(target), contract, target)
