"""Loads Keras without TensorFlow's chatter about hardware and libraries on the terminal."""

from __future__ import annotations

import faulthandler
import os
import shutil
import sys
import tempfile

from zoo import settings


def load_keras() -> None:
    """Import Keras and its backend with stderr put aside; with `ZOO_DEBUG=1` everything is shown.

    `TF_CPP_MIN_LOG_LEVEL` (set in main) silences what TensorFlow says later, but not what its libraries print while
    they are loaded (TensorFlow 2.21: oneDNN, missing GPU drivers), which goes past Python to the file descriptor. If
    the import fails, what was put aside is shown; if it kills the process, Python's fault handler says where.
    """
    if "keras" in sys.modules or settings.debug():
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    crashes = faulthandler.is_enabled()
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        if not crashes:
            faulthandler.enable(stderr)
        try:
            import keras  # noqa: F401
        except BaseException:
            aside.seek(0)
            with open(os.dup(stderr), "wb") as shown:
                shutil.copyfileobj(aside, shown)
            raise
        finally:
            if not crashes:
                faulthandler.disable()
            os.dup2(stderr, 2)
            os.close(stderr)
