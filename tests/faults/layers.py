"""Faults in what a layer does beside its products: norms, dropout, the chain rule, shares."""

from .fault import Fault

NORMS = [
    Fault(
        "a row's sum drops what is left after the chains",
        "normalization.pxd",
        "part[j] += v[i + j]",
        "v[i + j]",
        "0",
        nth=2,
    ),
    Fault(
        "the variance has a larger epsilon",
        "normalization.pxd",
        "return 1e-5",
        "1e-5",
        "1e-4",
    ),
    Fault(
        "a layer norm divides by one unit less",
        "normalization.pxd",
        "inverse = 1 / sqrt(sum_of_products(normed, normed, n) / n + <real> epsilon())",
        "sum_of_products(normed, normed, n) / n",
        "sum_of_products(normed, normed, n) / max(n - 1, 1)",
    ),
    Fault(
        "a layer norm's delta lacks its mean",
        "normalization.pxd",
        "delta[j] = inverse * (delta[j] - multiply_add(slope, normed[j], mean))",
        "mean",
        "<real> 0",
    ),
    Fault(
        "a sum over rows drops every block but the last",
        "normalization.pxd",
        "total[j] = total[j] + part[j] if add else part[j]",
        "total[j] + part[j] if add else part[j]",
        "part[j]",
    ),
    Fault(
        "a batch norm forgets the rows' weights",
        "normalization.pxd",
        "w = <real> 1 if weight == NULL else weight[r]",
        "weight == NULL",
        "True",
    ),
    Fault(
        "a batch norm's delta lacks the part of the variance",
        "normalization.pxd",
        "g[j] - part * multiply_add(products[j], normed[j], sums[j]))",
        "multiply_add(products[j], normed[j], sums[j])",
        "sums[j]",
    ),
    Fault(
        "running statistics move by the other share",
        "normalization.pxd",
        "running[j] = multiply_add(<real> momentum, batch[j] - running[j], running[j])",
        "momentum",
        "1 - momentum",
    ),
    Fault(
        "running variances are not moved",
        "weight_gradient.pxd",
        "2 * layer.n_out)",
        "2 * layer.n_out",
        "layer.n_out",
    ),
    Fault(
        "predictions normalise by means instead of variances",
        "forward.pxd",
        "inverse + span.first, scale + 3 * n + span.first, span.stop - span.first)",
        "3 * n",
        "2 * n",
    ),
    Fault(
        "the norm of the gradient drops what is left after the chains",
        "norm.pxd",
        "for j in range(n - i):",
        "n - i",
        "0",
    ),
]

DROPOUT = [
    Fault(
        "dropout does not scale what it keeps",
        "dropout.pxd",
        "cdef real kept = <real> (1 / (1 - p))",
        "1 / (1 - p)",
        "1.0",
    ),
    Fault(
        "dropout takes the words of a group shifted by one",
        "dropout.pxd",
        "mask[j] = kept if words[j - start] >= least else <real> 0",
        "j - start",
        "(j - start + 1) % GROUP",
    ),
    Fault(
        "dropout is the same in every group of units",
        "dropout.pxd",
        "random_words(words, key, <unsigned int> group, <unsigned int> row, step, layer)",
        "<unsigned int> group",
        "<unsigned int> 0",
    ),
    Fault(
        "dropout's generator does a round less",
        "dropout.h",
        "for (int round = 0; round < 10; round++) {",
        "round < 10",
        "round < 9",
    ),
    Fault(
        "dropout forgets the high half of the step",
        "dropout.h",
        "c3[i] = layer ^ (uint32_t)(step >> 32) << 16;",
        "(uint32_t)(step >> 32) << 16",
        "0",
    ),
    Fault(
        "dropout counts a batch's rows from each block anew",
        "forward.pxd",
        "layer.dropout, net.key, moment.first_row + r, moment.step, index)",
        "moment.first_row + r",
        "r",
    ),
    Fault(
        "the way back goes through what was dropped",
        "backward.pxd",
        "if layer.mask >= 0:",
        "layer.mask >= 0",
        "False",
    ),
]

FORWARD = [
    Fault(
        "the skip connection is forgotten",
        "forward.pxd",
        "a[j] += below[r * below_row + span.first + j]",
        "",
        "",
    ),
    Fault(
        "columns of a layer take the biases of the first",
        "forward.pxd",
        "bias = params + layer.bias + span.first",
        "span.first",
        "0",
    ),
    Fault(
        "a layer tied to a transpose forgets its bias",
        "forward.pxd",
        "z[r * z_row + j] += bias[j]",
        "",
        "",
    ),
    Fault(
        "losses forget the rows' weights",
        "forward.pxd",
        "losses[r] = weight[r] * losses[r]",
        "",
        "",
    ),
    Fault(
        "a loss forgets its logarithm",
        "forward.pxd",
        "losses[r] = <real> losses[r] - power[r]",
        "",
        "",
    ),
    Fault(
        "z is kept of every row but the last",
        "forward.pxd",
        "memcpy(work + layer.z + part.first * layer.row, z, rows * layer.row * sizeof(real))",
        "rows * layer.row",
        "(rows - 1) * layer.row",
    ),
]

BACKWARD = [
    Fault(
        "the gradient is not divided by the rows",
        "backward.pxd",
        "cdef real scale = <real> (1 / total_weight)",
        "1 / total_weight",
        "1.0",
    ),
    Fault(
        "the gradient forgets the rows' weights",
        "backward.pxd",
        "scale = <real> (weight[r] / total_weight)",
        "weight[r]",
        "1",
    ),
    Fault(
        "the last layer's derivative is forgotten",
        "backward.pxd",
        "if not gives_delta(net.loss):",
        "not gives_delta(net.loss)",
        "False",
    ),
    Fault(
        "the way back through a skip connection is forgotten",
        "backward.pxd",
        "if layer.residual:",
        "layer.residual",
        "False",
    ),
    Fault(
        "the way back through a skip connection is that of the first row",
        "backward.pxd",
        "layer.above + (part.first + r) * layer.row + span.first + j]",
        "part.first + r",
        "part.first",
    ),
    Fault(
        "a tied weight's gradient is of its last place alone",
        "weight_gradient.pxd",
        "add or layer.adds, shrink, grad, own, clock, part, scratch)",
        "add or layer.adds",
        "add",
        nth=2,
    ),
    Fault(
        "frozen biases are trained",
        "weight_gradient.pxd",
        "if layer.bias >= layer.learned and part.thread == part.threads - 1:",
        "layer.bias >= layer.learned",
        "layer.bias >= 0",
    ),
    Fault(
        "the biases of every block of rows but the last are forgotten",
        "weight_gradient.pxd",
        "column_sums(grad + layer.bias, delta, layer.row, rows, layer.n_out, add)",
        "add",
        "False",
    ),
    Fault(
        "the gradient of the shift takes the place of the scale's",
        "weight_gradient.pxd",
        "grad + layer.scale + n, outer, <const real*> NULL, <const real*> NULL, layer.row,",
        "layer.scale + n",
        "layer.scale",
    ),
    Fault(
        "a piece of a gradient takes its deltas from the first",
        "weight_gradient.pxd",
        "piece, row, left, left_row, right + n, right_row, count, columns, rows, add, scratch,",
        "right + n",
        "right",
    ),
    Fault(
        "a thread's rows of a gradient begin where the last one's do",
        "weight_gradient.pxd",
        "net, params, left + first, left_row, right, right_row, n_right, weight, rows, add,",
        "left + first",
        "left + span.first",
    ),
    Fault(
        "the last block of a batch is updated, the others too",
        "weight_gradient.pxd",
        "rule if start + block == rows else NULL, clock, part)",
        "start + block == rows",
        "True",
    ),
]

SHARES = [
    Fault(
        "the last thread has no share",
        "network.pxd",
        "span.stop = min(n, steps * (thread + 1) // threads * step)",
        "thread + 1",
        "thread + (1 if thread == 0 or thread < threads - 1 else 0)",
    ),
    Fault(
        "a thread works a tile that is another's",
        "network.pxd",
        "span.first = min(n, steps * thread // threads * step)",
        "steps * thread // threads * step",
        "max(0, steps * thread // threads - 1) * step",
    ),
]

FAULTS = [*NORMS, *DROPOUT, *FORWARD, *BACKWARD, *SHARES]
