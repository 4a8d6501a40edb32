"""onnxruntime sessions, and what can go wrong with them as one kind of error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from archsim.errors import InputError
from archsim.numerics.quantise import Floats


class Session:
    """A model that runs. Raises InputError without onnxruntime (`without` says what else helps), and for a
    model that it refuses."""

    def __init__(self, model: onnx.ModelProto, *, threads: int = 1, without: str = "") -> None:
        try:
            import onnxruntime as ort
        except ImportError:
            raise InputError(
                "this runs the model in onnxruntime, which is not installed; "
                f"pip install 'archsim[onnxruntime]'{without}"
            ) from None
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session: Any = ort.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise InputError(f"onnxruntime refuses the model: {_first_line(error)}") from error

    def run(self, outputs: Sequence[str], feeds: Mapping[str, NDArray[np.generic]]) -> list[Floats]:
        """The tensors named, in their order. Raises InputError when the run fails."""
        try:
            return list(self._session.run(list(outputs), dict(feeds)))
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise InputError(f"onnxruntime cannot run the model: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
