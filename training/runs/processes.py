"""The processes that train one network together, as torchrun starts them: one for each GPU, or for each share of a processor."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch

LONGEST_WAIT = timedelta(days=7)  # for the first process, which alone does what is not shared, such as growing trees


def processes() -> int:
    """Return how many processes train together, on all machines; 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def process() -> int:
    """Return which of them this one is, from 0 on."""
    return int(os.environ.get("RANK", "0"))


def processes_here() -> int:
    """Return how many of them are on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def join() -> None:
    """Meet the other processes, where torchrun has started several."""
    if processes() > 1 and not torch.distributed.is_initialized():
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        torch.distributed.init_process_group(backend, timeout=LONGEST_WAIT)


def wait_for_all() -> None:
    """Return when all processes have come here."""
    if torch.distributed.is_initialized():
        torch.distributed.barrier()


def of_all_processes(tensor: torch.Tensor) -> torch.Tensor:
    """Return (processes, ...) the tensors of the same shape that all processes have, on the processor."""
    if not torch.distributed.is_initialized():
        return tensor.cpu()[None].clone()
    gathered = [torch.empty_like(tensor) for _ in range(processes())]
    torch.distributed.all_gather(gathered, tensor.contiguous())
    return torch.stack(gathered).cpu()


@contextmanager
def first_alone() -> Iterator[None]:
    """Let the first process through the block before the others, so that these find in the cache what it has left there."""
    if process():
        wait_for_all()
    yield
    if not process():
        wait_for_all()
