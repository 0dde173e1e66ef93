"""The hardware of a training: its device, its precision and its processes.

``accelerate`` finds the processor or the GPU, and the other processes if ``torchrun`` started some.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from repviz import checks
from repviz.errors import Unavailable
from repviz.models.device import has_accelerator

PRECISIONS: dict[str, str] = {
    "fp32": "32 bits throughout",
    "tf32": "32 bits, products rounded to 19 on GPUs that can",
    "bf16": "products in 16 bits (bfloat16), weights and sums in 32",
    "auto": "bf16 where the hardware computes it natively, fp32 elsewhere",
}


@dataclass(frozen=True)
class Machine:
    """The device, precision and processes of a training.

    Attributes
    ----------
    precision : str
        A key of :data:`PRECISIONS`.
    compile : bool
        Whether torch compiles the network first (minutes once, faster steps on GPUs).
    """

    precision: str = "fp32"
    compile: bool = False

    def __post_init__(self) -> None:
        checks.one_of("train", "precision", self.precision, PRECISIONS)

    @cached_property
    def _accelerator(self) -> Accelerator:
        # Without cpu=True accelerate does not let processes on CPUs communicate (over gloo).
        return Accelerator(cpu=not has_accelerator())

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        device: torch.device = self._accelerator.device
        return device

    @property
    def process(self) -> int:
        """The index of this process, from 0."""
        return int(self._accelerator.process_index)

    @property
    def processes(self) -> int:
        """The number of processes."""
        return int(self._accelerator.num_processes)

    @property
    def uses_bf16(self) -> bool:
        """Whether matrix products are computed in bfloat16."""
        return self.precision == "bf16" or (self.precision == "auto" and native_bf16(self.device))

    def prepare(self, module: nn.Module) -> nn.Module:
        """``module`` on the device, synchronised with the copies of the other processes."""
        _check_bf16(self)
        placed = module.to(self.device)
        if self.compile:
            placed = torch.compile(placed)
        wrapped: nn.Module = self._accelerator.prepare(placed)
        return wrapped

    def wait(self) -> None:
        """Return once every process is here."""
        self._accelerator.wait_for_everyone()

    def summed(self, value: Tensor) -> Tensor:
        """``value`` summed over the processes."""
        if self.processes == 1:
            return value
        total: Tensor = self._accelerator.reduce(value.to(self.device), "sum")
        return total

    def share(self, n: int) -> slice:
        """The part of n items that belongs to this process: each belongs to exactly one."""
        return slice(self.process * n // self.processes, (self.process + 1) * n // self.processes)

    def precision_context(self) -> AbstractContextManager[None]:
        """Within the block, matrix products are computed in ``precision``."""
        if self.uses_bf16:
            context: AbstractContextManager[None] = torch.autocast(self.device.type, torch.bfloat16)
            return context
        return _tf32() if self.precision == "tf32" else nullcontext()

    def release(self) -> None:
        """Free the device memory of a training that has ended."""
        self._accelerator.free_memory()


def native_bf16(device: torch.device) -> bool:
    """Whether ``device`` multiplies bfloat16 in hardware, so that it is faster than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        queries = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # private, may be renamed
        return any(bool(getattr(torch.cpu, name, lambda: False)()) for name in queries)
    return False


def _check_bf16(machine: Machine) -> None:
    if machine.precision == "bf16" and not native_bf16(machine.device):
        raise Unavailable(
            f"train: precision 'bf16' must be supported by the {machine.device.type}'s hardware, "
            "and here it would be emulated, several times slower than fp32. Use precision='auto'."
        )


@contextmanager
def _tf32() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
