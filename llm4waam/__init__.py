"""BERT and RoBERTa on process records of wire arc additive manufacturing."""

import os

# ONNX Runtime reports to its maker how it is used unless this stands there before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
