"""Options of commands that score outputs: the kind of outputs, the metric and the criterion."""

from __future__ import annotations

import click

from radin.scoring.criterion_default import CRITERIA, CRITERION

#: The metrics that have a name, for --help; by heart, since the library that knows them takes long to load.
METRICS = (
    "accuracy, top5 (any k), balanced-accuracy, macro-f1, binary-f1, mcc, auc, brier and nll (log-loss) of classes; "
    "miou and perplexity of positions, too; span-f1 of tags; nll and perplexity of tokens; "
    "accuracy, subset-accuracy, macro-f1, micro-f1, map, auc and nll of several labels; "
    "mse, rmse, mae, r2, pearson and spearman of values; or a function, as FILE.py:FUNC"
)

#: The kinds of outputs, for --help, likewise.
KINDS = ("classes", "one-logit", "several-labels", "values", "positions", "tags", "choices", "tokens")

outputs_option = click.option(
    "--outputs",
    type=click.Choice(KINDS),
    help="Kind of outputs, where the labels do not decide it.",
)

#: The option of commands that rank and choose.
criterion_option = click.option(
    "--criterion",
    type=click.Choice(list(CRITERIA)),
    default=CRITERION,
    show_default=True,
    help="Rank and choose by the metric, by the log-likelihood of the labels, or by that after one temperature fitted "
    "to each candidate (tempered); one-se chooses by the last among those whose metric is within one standard error of "
    "the best. The metric is what is reported.",
)
