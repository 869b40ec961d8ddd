"""Writes pytorch_hessian.csv: the Hessian of a small network by automatic differentiation, for the test of the same name.

One number per line, row by row of the lower triangle. `python pytorch_hessian.py > pytorch_hessian.csv`, with PyTorch 2.
"""

import torch

torch.set_default_dtype(torch.float64)
k = torch.arange(20.0)
theta = torch.sin(1.7 * k + 0.3)
n = torch.arange(40.0)
x = torch.stack([torch.cos(0.9 * n), torch.sin(1.3 * n + 0.5)], 1)
y = (torch.sin(2 * x[:, 0]) + x[:, 1])[:, None]


def loss(flat):
    """Mean squared error of softplus and tanh layers of widths 3 and 2, with biases."""
    w1, b1, w2, b2, w3, b3 = torch.split(flat, [6, 3, 6, 2, 2, 1])
    h = torch.nn.functional.softplus(x @ w1.reshape(3, 2).T + b1)
    h = torch.tanh(h @ w2.reshape(2, 3).T + b2)
    return ((h @ w3.reshape(1, 2).T + b3 - y) ** 2).sum(1).mean()


hessian = torch.autograd.functional.hessian(loss, theta)
for i in range(20):
    for j in range(i + 1):
        print(repr(hessian[i, j].item()))
