"""How good a model is on data it did not train on: scored through its ONNX file, as it will be served."""
