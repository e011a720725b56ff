"""Faults in training: steps, batches, passes, tiny networks, shuffling, teams."""

from .fault import Fault

STEPS = [
    Fault(
        "rows are gathered in the order of the first batch",
        "batch.pxd",
        "source = start + r if order == NULL else order[start + r]",
        "order[start + r]",
        "order[r]",
    ),
    Fault(
        "targets are not gathered by the order",
        "batch.pxd",
        "work + net.y + r * net.n_y, <const real*> data.y + source * net.n_y,",
        "source * net.n_y",
        "(start + r) * net.n_y",
    ),
    Fault(
        "labels are not gathered by the order",
        "batch.pxd",
        "buffers.label[r] = data.label[source]",
        "data.label[source]",
        "data.label[start + r]",
    ),
    Fault(
        "weights are not summed in the order",
        "batch.pxd",
        "total += weight[r if order == NULL else order[r]]",
        "r if order == NULL else order[r]",
        "r",
    ),
    Fault(
        "an epoch's last batch is dropped where it is not full",
        "steps.pxd",
        "rows = min(run.batch_size, run.n_rows - start)",
        "run.n_rows - start",
        "(run.n_rows - start) // run.batch_size * run.batch_size",
    ),
    Fault(
        "a step has the learning rate of the one before",
        "steps.pxd",
        "job.rule.hyper[LEARNING_RATE] = run.rates[step]",
        "step",
        "max(step - 1, 0)",
    ),
    Fault(
        "the norm is clipped although it is small",
        "steps.pxd",
        "clock[SCALE] = 1 if scale > 1 else scale",
        "1 if scale > 1 else scale",
        "scale",
    ),
    Fault(
        "the norm is clipped to its square",
        "steps.pxd",
        "scale = most / (job.run.gradient_norm + 1e-6)",
        "job.run.gradient_norm + 1e-6",
        "job.run.gradient_norm * job.run.gradient_norm + 1e-6",
    ),
    Fault(
        "a batch's later blocks overwrite the gradient",
        "steps.pxd",
        "if not take_last_block(job, work, &moment, late, done > 0, clock, part):",
        "done > 0",
        "False",
    ),
    Fault(
        "a step is taken although its loss is not finite",
        "steps.pxd",
        "not isfinite(loss / weight_sum) or has_failed(job.net)",
        "not isfinite(loss / weight_sum) or has_failed(job.net)",
        "False",
    ),
    Fault(
        "a batch without weight is a step",
        "steps.pxd",
        "if weight_sum == 0:",
        "weight_sum == 0",
        "False",
    ),
    Fault(
        "the loss of an epoch forgets the rows' weights",
        "steps.pxd",
        "job.run.total_weight += weight_sum",
        "weight_sum",
        "1",
    ),
    Fault(
        "the safe place has no slots",
        "run.pxd",
        "if rule.n_slots > 0:",
        "rule.n_slots > 0",
        "False",
    ),
    Fault(
        "threads do not wait for the others' columns",
        "steps.pxd",
        "meet(job.team)",
        "",
        "",
        nth=1,
    ),
]

PASSES = [
    Fault(
        "predictions drop the last row of each block",
        "passes.pxd",
        "rows = min(size, job.data.n_rows - first)",
        "min(size, job.data.n_rows - first)",
        "min(size, job.data.n_rows - first) - 1",
    ),
    Fault(
        "losses are those of the first rows in every round",
        "passes.pxd",
        "<const long long*> NULL if data.label == NULL else data.label + done,",
        "data.label + done",
        "data.label",
    ),
    Fault(
        "dL/dx of later blocks overwrites the first",
        "passes.pxd",
        "copy_rows(x_grad + done * net.n_in, work + net.x_delta, net.x_row, rows, net.n_in)",
        "done * net.n_in",
        "0",
    ),
    Fault(
        "a gradient of several blocks is that of the last",
        "passes.pxd",
        "backward_alone(net, buffers, work, rows, done > 0, part)",
        "done > 0",
        "False",
    ),
    Fault(
        "the gradient of a caller's loss is that of the last block",
        "passes.pxd",
        "backward_alone(net, buffers, work, block, done > 0, part)",
        "done > 0",
        "False",
    ),
    Fault(
        "the last number of a row is not looked at",
        "passes.pxd",
        "for j in range(width):",
        "width",
        "width - 1",
    ),
]

TINY = [
    Fault(
        "a tiny network's gradient is not divided by the rows",
        "tiny.pxd",
        "cdef real scale = <real> 1 if lanes == 1 else <real> (1 / frame.weight_sum)",
        "1 / frame.weight_sum",
        "1.0",
    ),
    Fault(
        "a tiny network's last derivative is forgotten",
        "tiny.pxd",
        "if not frame.gives_delta:",
        "not frame.gives_delta",
        "False",
    ),
    Fault(
        "a tiny network's weights are not transposed on the way back",
        "tiny.pxd",
        "transposed[n * lanes + k] = weight[k * lanes + n]",
        "weight[k * lanes + n]",
        "weight[n * lanes + k]",
    ),
    Fault(
        "a tiny network's rows are not gathered by the order",
        "tiny.pxd",
        "source = start + r if order == NULL else order[start + r]",
        "order[start + r]",
        "start + r",
    ),
    Fault(
        "a tiny network's last output is not copied back",
        "tiny.pxd",
        "far[source + n] = row[n]",
        "row[n]",
        "row[n] if n < n_out - 1 or index < net.n_layers - 1 else far[source + n]",
    ),
    Fault(
        "one of the four parameters of 1-1-1 is not updated",
        "tiny.pxd",
        "update_plain(rule, clock, params, grad + 3, 3, Stretch(1, 1, 0, 0))",
        "",
        "",
    ),
    Fault(
        "a tiny network's clock starts anew with each run",
        "tiny.pxd",
        "memcpy(rule.clock, clock, sizeof(clock))",
        "",
        "",
    ),
    Fault(
        "a tiny network ignores the schedule",
        "tiny.pxd",
        "hyper[LEARNING_RATE] = run.rates[step]",
        "run.rates[step]",
        "run.rates[run.first]",
    ),
]

OTHERS = [
    Fault(
        "what was at a place of an order is taken from beside it",
        "shuffle.pxd",
        "order[i] = order[product >> 32]",
        "product >> 32",
        "(product >> 32) // 2 * 2",
    ),
    Fault(
        "some orders are likelier",
        "shuffle.pxd",
        "if low >= bound or low >= (0 - bound) % bound:",
        "low >= bound or low >= (0 - bound) % bound",
        "True",
    ),
    Fault(
        "a row goes to a place below its own alone",
        "shuffle.pxd",
        "product = (<unsigned long long> i + 1) * <unsigned int> word",
        "<unsigned long long> i + 1",
        "<unsigned long long> max(i, 1)",
    ),
    Fault(
        "a thread goes on once it has waited for long",
        "team.h",
        "if (team->spin && fastbp_spin(team, phase)) return;",
        "fastbp_spin(team, phase)",
        "fastbp_spin(team, phase) + 1",
    ),
    Fault(
        "a user's loss is summed without its first output",
        "custom.pxd",
        "total += result",
        "result",
        "result if j > 0 else 0",
    ),
    Fault(
        "a user's derivative takes the place of what comes from above",
        "custom.pxd",
        "out[r * block.out_row + j] *= <real> result",
        "",
        "out[r * block.out_row + j] = <real> result",
    ),
]

PENALTY = [
    Fault(
        "the penalty on weights drives them away from 0",
        "backward.pxd",
        "piece[i] = multiply_add(share, params[i], piece[i])",
        "share",
        "-share",
    ),
    Fault(
        "a weight that is tied has its penalty more than once",
        "backward.pxd",
        "cdef double shrink = 0 if layer.tied else decay",
        "0 if layer.tied else decay",
        "decay",
    ),
    Fault(
        "the gradient of the penalty is not divided by the rows",
        "steps.pxd",
        "cdef double decay = job.rule.l2 / moment.weight_sum",
        "moment.weight_sum",
        "1",
    ),
    Fault(
        "the loss has the whole of l2",
        "steps.pxd",
        "return l2 / 2 * total",
        "l2 / 2",
        "l2",
    ),
    Fault(
        "weights that do not learn are penalized",
        "steps.pxd",
        "if layer.learns_weight and not layer.tied:",
        "layer.learns_weight and not layer.tied",
        "not layer.tied",
    ),
    Fault(
        "tiny networks have no penalty",
        "tiny.pxd",
        "if not (net.plain and rule.plain) or rule.l2 != 0:",
        "rule.l2 != 0",
        "False",
    ),
    Fault(
        "penalties go on over the end of an epoch",
        "_engine.pyx",
        "self.run_state.penalties = 0",
        "",
        "",
    ),
]

GIVEN = [
    Fault(
        "a given gradient's later layers read it from its beginning",
        "steps.pxd",
        "grad + layer.learned, given + layer.learned,",
        "given + layer.learned",
        "given",
    ),
    Fault(
        "what does not learn counts in the norm of a given gradient",
        "steps.pxd",
        "(layer.learned_stop - layer.learned) * sizeof(real))",
        "layer.learned_stop - layer.learned",
        "job.net.n_params - layer.learned",
    ),
    Fault(
        "an update by a given gradient is at the time of the one before",
        "steps.pxd",
        "tick(job.rule, clock)",
        "",
        "",
    ),
    Fault(
        "an update by a given gradient is not counted",
        "steps.pxd",
        "memcpy(job.rule.clock, clock, sizeof(clock))",
        "",
        "",
    ),
    Fault(
        "an update by a given gradient follows the rule that was bound before",
        "_engine.pyx",
        "self.rule.plain = is_plain(&self.rule)",
        "",
        "",
        nth=2,
    ),
    Fault(
        "running statistics stay where updates wait for the whole gradient",
        "steps.pxd",
        "move_statistics(job.net, <real*> job.buffers.params, work, index)",
        "",
        "",
    ),
]

FAULTS = [*STEPS, *PASSES, *TINY, *PENALTY, *GIVEN, *OTHERS]
