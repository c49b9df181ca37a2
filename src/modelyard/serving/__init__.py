"""The inference server: a registered model behind HTTP, by the Open Inference Protocol, and a plain `/predict`.

It needs numpy, onnxruntime, pillow, starlette and uvicorn; no training library and no tracking client is imported.
"""
