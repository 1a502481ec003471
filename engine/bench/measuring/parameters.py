"""How many numbers a model has learnt, read from its file: the onnx package belongs to the training side."""

import math
from collections.abc import Iterator

# Fields of onnx.proto: ModelProto.graph, GraphProto.initializer, TensorProto.dims and .data_type; and the types that weights have.
GRAPH, INITIALIZER, DIMENSIONS, DATA_TYPE = 7, 5, 1, 2
WEIGHT_TYPES = (1, 2, 3)  # float32, uint8, int8
VARINT, BYTES = 0, 2  # wire types of protocol buffers
FIXED_BYTES = {1: 8, 5: 4}  # wire type -> size


def count_parameters(model: bytes) -> int:
    """Return how many elements the constant tensors of 8-bit and float type have in an ONNX file."""
    view = memoryview(model)
    return sum(_count_weights(tensor) for graph in _parts(view, GRAPH) for tensor in _parts(graph, INITIALIZER))


def _count_weights(tensor: memoryview) -> int:
    fields = list(_fields(tensor))
    if not any(number == DATA_TYPE and value in WEIGHT_TYPES for number, value in fields):
        return 0
    sizes: list[int] = []
    for number, value in fields:
        if number == DIMENSIONS:
            sizes += [value] if isinstance(value, int) else _varints(value)
    return math.prod(sizes)


def _parts(message: memoryview, wanted: int) -> Iterator[memoryview]:
    return (value for number, value in _fields(message) if number == wanted and isinstance(value, memoryview))


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (number, value) of a protocol buffers message: an integer, or the bytes of anything longer."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire_type = key >> 3, key & 7
        if wire_type == VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        size, place = _varint(message, place) if wire_type == BYTES else (FIXED_BYTES[wire_type], place)
        yield number, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return the number of seven bits a byte, the lowest first, that begins at ``place``, and where the next field begins."""
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place


def _varints(packed: memoryview) -> list[int]:
    values, place = [], 0
    while place < len(packed):
        value, place = _varint(packed, place)
        values.append(value)
    return values
