"""What the figures of a network's layers mean, by rules of thumb with the reason of each.

References
----------
X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
AISTATS 2010: saturation, and gradients that shrink or grow from layer to layer (eq. 12-14).
K. He et al., "Delving deep into rectifiers", ICCV 2015: by what factor they do (eq. 9 and 13).
Y. LeCun, L. Bottou, G. B. Orr, K.-R. Mueller, "Efficient BackProp", 1998: inputs of mean 0 and of
one size (section 4.3). A. Karpathy, notes of the course CS231n, "Neural Networks Part 3": updates
of about 1e-3 of the weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from fastbp.health.report import Figures, Finding, LayerHealth
from fastbp.names import plain

# A layer with half of its units dead does the work of one half as wide; with half of its numbers
# saturated it learns from half of what it is shown.
HALF = 0.5
# Of fewer rows than this, a healthy relu is 0 in all by chance.
ROWS_OF_THE_DEAD = 8
# delta of a layer beside that of the last one. Good steps are 1e-3 of the weights (Karpathy), so
# that at one learning rate for all layers a factor of 1e-3 leaves 1e-6, and soon float32's 6e-8,
# where a step is rounded away; one of 1e3 makes it as large as the weights.
VANISHED, EXPLODED = 1e-3, 1e3
# Deviation of z beside that of inputs of size 1, which initial weights keep (He et al., eq. 10).
GROWN = 100.0
# ||step|| / ||W||: a thousandth of the good 1e-3, and the size of the weights themselves. A
# gradient that is below the first without any learning rate counts as 0.
LITTLE, MUCH = 1e-6, 1.0
# Outputs that all lie within this share of the targets' range are one constant.
CONSTANT = 1e-3
# Root mean square of a column of x. Steps of W go with x, so those of one column are this much too
# large, or all are too small, beside x of size 1 (LeCun et al., section 4.3).
LARGE_INPUT, SMALL_INPUT = 10.0, 0.01

Rule = Callable[[Figures], Iterator[Finding]]


def hidden(figures: Figures) -> tuple[LayerHealth, ...]:
    """Return all layers but the last."""
    return figures.layers[:-1]


def numbers(layers: list[LayerHealth]) -> tuple[int, ...]:
    """Return the numbers of layers."""
    return tuple(layer.number for layer in layers)


def named(layers: list[LayerHealth]) -> str:
    """Return layers as a sentence names them."""
    listed = [str(layer.number) for layer in layers]
    if len(listed) > 4:
        listed = [listed[0], "...", listed[-1]]
    return f"layer{'s' * (len(layers) > 1)} {', '.join(listed)}"


def unscaled(figures: Figures) -> str:
    """Return advice on inputs that are far from size 1, or nothing."""
    large = not SMALL_INPUT < figures.input_size < LARGE_INPUT
    return "inputs=fb.Standardize(), " if large else ""


def not_finite(figures: Figures) -> Iterator[Finding]:
    """Look for NaN and infinity."""
    lost = [
        layer
        for layer in figures.layers
        if not all(map(math.isfinite, (*layer.z, *layer.a, layer.weight_norm)))
    ]
    if lost:
        what = f"NaN or infinity in {named(lost)}"
        advice = "a smaller learning_rate, clip_norm=1.0 of the optimizer, and smaller weights"
        yield Finding("not finite", numbers(lost), what, f"{unscaled(figures)}{advice}")
    elif not all(math.isfinite(layer.delta_norm) for layer in figures.layers) or not math.isfinite(
        figures.loss
    ):
        what = f"loss {figures.loss:g}, or its gradient, is NaN or infinity"
        advice = "smaller targets (targets=fb.Standardize()), and clip_norm=1.0 of the optimizer"
        yield Finding("not finite", (len(figures.layers),), what, advice)


def dead(figures: Figures) -> Iterator[Finding]:
    """Look for units through which no row learns."""
    enough = HALF if figures.n_rows >= ROWS_OF_THE_DEAD else 1.0
    found = [
        layer for layer in figures.layers if (layer.dead or 0) >= enough and not is_saturated(layer)
    ]
    if found:
        worst = max(found, key=lambda layer: layer.dead or 0)
        what = (
            f"{100 * (worst.dead or 0):.0f} % of the units of layer {worst.number} "
            f"({worst.activation}) have slope 0 in all rows"
        )
        advice = "a smaller learning_rate, biases at 0, or activation 'leaky_relu'"
        yield Finding("dead", numbers(found), what, f"{unscaled(figures)}{advice}")


def is_saturated(layer: LayerHealth) -> bool:
    """Whether half of a layer's numbers lie where its activation is flat on either side."""
    return (layer.saturated or 0) >= HALF


def saturated(figures: Figures) -> Iterator[Finding]:
    """Look for layers whose z is too large for their activation."""
    found = [layer for layer in figures.layers if is_saturated(layer)]
    if found:
        worst = max(found, key=lambda layer: layer.saturated or 0)
        what = (
            f"{100 * (worst.saturated or 0):.0f} % of the slopes of layer {worst.number} "
            f"({worst.activation}) are below 1 % of the largest (z from {worst.z.min:.3g} to "
            f"{worst.z.max:.3g})"
        )
        advice = "init='auto', norm='layer', a smaller learning_rate, or activation 'relu'"
        yield Finding("saturated", numbers(found), what, f"{unscaled(figures)}{advice}")


def exploding(figures: Figures) -> Iterator[Finding]:
    """Look for z that grows on the way forward, and for delta that grows on the way back."""
    advice = f"{unscaled(figures)}init='auto', norm='layer', or clip_norm=1.0 of the optimizer"
    last = figures.layers[-1]
    bound = last.dead is None and plain(last.activation) != "identity"
    looked = [*hidden(figures), *([last] if bound else [])]
    limit = GROWN * max(1.0, figures.input_size)
    grown = [layer for layer in looked if layer.z.std > limit]
    if grown:
        what = f"z of layer {grown[-1].number} has standard deviation {grown[-1].z.std:.3g}"
        yield Finding("exploding", numbers(grown), what, advice)
        return
    grown = [layer for layer in hidden(figures) if layer.delta_norm > EXPLODED * last.delta_norm]
    if grown and last.delta_norm > 0:
        what = (
            f"delta of layer {grown[0].number} is {grown[0].delta_norm / last.delta_norm:.3g} "
            "times that of the last layer"
        )
        yield Finding("exploding", numbers(grown), what, advice)


def vanishing(figures: Figures) -> Iterator[Finding]:
    """Look for delta that is lost on the way back."""
    last = figures.layers[-1]
    lost = [layer for layer in hidden(figures) if layer.delta_norm < VANISHED * last.delta_norm]
    # Weights of 0 lose it at once; that is a matter of how they begin.
    if lost and all(layer.weight_norm > 0 for layer in figures.layers[lost[0].number :]):
        what = (
            f"delta of layer {lost[0].number} is {lost[0].delta_norm / last.delta_norm:.2g} times "
            "that of the last layer"
        )
        advice = "hidden='leaky_relu' or 'tanh' with init='auto', residual=True, or fewer layers"
        yield Finding("vanishing", numbers(lost), what, advice)


def constant_output(figures: Figures) -> Iterator[Finding]:
    """Look for outputs that do not depend on the inputs, although the targets do."""
    if figures.output_spread < CONSTANT * figures.target_spread:
        what = (
            f"outputs of all rows lie within {figures.output_spread:.2g}, targets within "
            f"{figures.target_spread:.3g}"
        )
        advice = "init='auto' (not zeros), targets=fb.Standardize() for a regression, more epochs"
        yield Finding("constant output", (len(figures.layers),), what, advice)


def not_learning(figures: Figures) -> Iterator[Finding]:
    """Look for steps that change nothing."""
    learning = [layer for layer in figures.layers if layer.trainable]
    every = numbers(list(figures.layers))
    if not learning:
        advice = "net.layers[-1].trainable = True"
        yield Finding("not learning", every, "no layer is trainable", advice)
    elif all(layer.weight_gradient <= LITTLE * layer.weight_norm for layer in learning):
        largest = max(layer.weight_gradient for layer in learning)
        what = f"the gradient is 0 (at most {largest:.2g}): a minimum, or a plateau"
        advice = "nothing if the loss is as small as wanted; else another seed, or more units"
        yield Finding("not learning", every, what, advice)
    elif all(layer.update_ratio < LITTLE for layer in learning):
        largest = max(layer.update_ratio for layer in learning)
        what = f"a step changes the weights by {largest:.2g} of their size at most"
        yield Finding("not learning", every, what, "a learning_rate that makes it about 1e-3")


def overshooting(figures: Figures) -> Iterator[Finding]:
    """Look for steps that throw the weights away."""
    found = [layer for layer in figures.layers if MUCH < layer.update_ratio < math.inf]
    if found:
        worst = max(found, key=lambda layer: layer.update_ratio)
        what = (
            f"a step changes the weights of layer {worst.number} by {worst.update_ratio:.2g} times "
            "their size"
        )
        advice = f"{unscaled(figures)}a smaller learning_rate (a step of about 1e-3 is usual)"
        yield Finding("overshooting", numbers(found), what, advice)


def inputs(figures: Figures) -> Iterator[Finding]:
    """Look for inputs of another size than 1."""
    if unscaled(figures):
        what = (
            f"x lies between {figures.inputs.min:.3g} and {figures.inputs.max:.3g}, and the "
            f"largest root mean square of a column is {figures.input_size:.3g}"
        )
        yield Finding("inputs", (), what, "inputs=fb.Standardize()")


# The likeliest cause of the others first.
RULES: tuple[Rule, ...] = (
    *(not_finite, dead, saturated, exploding, vanishing, constant_output, not_learning),
    *(overshooting, inputs),
)


def found_in(figures: Figures) -> tuple[Finding, ...]:
    """Return every finding; none but the first kind where something is not finite."""
    lost = tuple(not_finite(figures))
    return lost or tuple(finding for rule in RULES for finding in rule(figures))
