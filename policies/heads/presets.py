"""Settings that suit each head, and what they were measured with.

A toy with two ways around a post (residual MLP, 0.16 M parameters, 1,500 to 2,000 steps): the part
of 1,500 chunks that stay within 0.25 of one of the ways all along.

=============================  =======  =======  =======  ========  ========
head, predicting `SAMPLE`      1 step   3 steps  4 steps  10 steps  30 steps
=============================  =======  =======  =======  ========  ========
=============================  =======  =======  =======  ========  ========
"""

from policies.config import Head, SamplerConfig


def suggested(head: Head) -> SamplerConfig:
    """Settings to start with.

    All predict the clean chunk: it is smooth and lies close to few dimensions, noise and velocity
    do not, and a small network has no room to pass them on.
    """
    match head:
        case Head.DIFFUSION:
            # Plain DDIM decides slowly: with few steps and little noise it ends in between.
            return SamplerConfig(head=head, inference_steps=10, noise_scale=1.0)
        case Head.SCORE | Head.FLOW:
            return SamplerConfig(head=head, inference_steps=4, noise_scale=1.0)
        case Head.CONSISTENCY:
            return SamplerConfig(head=head, inference_steps=1, noise_scale=1.0)
        case Head.REGRESSION:
            return SamplerConfig(head=head, inference_steps=1)
