"""What the measurements ran on, by its processor or GPU; never a host name."""

import os
import platform
import re
from pathlib import Path

import torch
import transformers


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def machine(device: str) -> dict[str, object]:
    """Processor, cores and versions, and the GPU where it is used. Call it apart: it wakes CUDA."""
    found = {
        "processor": _processor(),
        "cores": cores(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }
    return found | ({"gpu": torch.cuda.get_device_name()} if device == "cuda" else {})


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.*)", file.read_text()) if file.is_file() else None
    return named[1].strip() if named else platform.machine()
