"""From raw inputs to answers: the one piece of code that evaluation, serving and MLflow's `load_model` share.

Needs numpy, onnxruntime and (for pictures) pillow, nothing else: what a model was trained with is not needed to run it.
"""
