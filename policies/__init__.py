"""Learned policies: networks, training, checkpoints and inference.

Importing this package costs nothing. Modules that need torch import it themselves:

- ``policies.config``: every setting of a training run; it imports nothing.
- ``policies.trainer.train``: dataset directory -> checkpoint directory.
- ``policies.diffusion.DiffusionPolicy.load``: checkpoint directory -> a running `Policy`.
- ``policies.text.MiniLmEncoder``: offline sentence embeddings.
"""
