"""The terms of a report, and how its estimates are made."""

from analysis.text.language import _


def definitions() -> list[tuple[str, str]]:
    """Return terms and their definitions, translated."""
    return [
        (
            _("Wait"),
            _(
                "The time from a job's arrival until it leaves the queue, by starting or by giving up. A window covers "
                "the waits of the jobs that arrived in it, whenever they left the queue."
            ),
        ),
        (
            _("Bounds"),
            _(
                "The counts do not show which job left the queue. The bounds hold for every service discipline, and "
                "wherever an arrival or departure lies between two polls, if no job returned to the queue unseen. "
                "Where there is no upper bound, some of the jobs may still be waiting."
            ),
        ),
        (
            _("Value"),
            _(
                "The point estimate. It lies within the bounds and assumes the service discipline that is named at the "
                "end of this report. A duration shorter than the poll interval is given as under that interval."
            ),
        ),
        (
            _("P90 wait"),
            _("The shortest wait that at least 90% of the jobs did not exceed; P99: the same for 99%."),
        ),
        (
            _("Failure rate"),
            _(
                "The share of failed jobs among all jobs that completed, failed or were terminated. The 95% interval "
                "is that of the underlying rate. Failures come in bursts, so days differ more than they would with "
                "independent failures; the interval is wider accordingly."
            ),
        ),
        (
            _("Coverage"),
            _(
                "The share of the polls that were answered. Counts that were not observed are unknown, never zero: "
                "lines in pictures stop there, and bounds become wider."
            ),
        ),
        (
            _("Difference, direction, change"),
            _(
                "Consecutive days are similar, so n days carry less information than n independent days. The "
                "intervals allow for this, and for the distance between the bounds. With fewer than ten independent "
                'days there is no interval. The direction "not shown" does not prove that nothing changed.'
            ),
        ),
        (
            _("Sure and uncertain"),
            _(
                "Among many comparisons some show a difference by chance. The sure findings are chosen so that about "
                "one in twenty of them is chance. An uncertain finding is a difference in the counts that chance may "
                "explain, or that has too few independent days behind it."
            ),
        ),
        (
            _("Another capacity"),
            _(
                "The observed jobs are reconstructed from the counts and replayed in pools of another capacity. Job "
                "sizes, run times and the service discipline are not known: many combinations are tried. Each "
                "reconstruction is calibrated to the observed waits, and its weight is how well it matches all counts. "
                "In tests with simulated pools, at least nine in ten of the true values lay in the intervals."
            ),
        ),
        (
            _("Forecast"),
            _(
                "The median of the previous weeks; newer weeks have more weight. The width of the intervals follows "
                "from the errors of forecasts made from earlier days of the record, and is tested on days that were "
                "not used to choose it. Each week has a probability that its arrivals exceed what today's capacity can "
                "take."
            ),
        ),
        (
            _("Retention"),
            _(
                "How long the API keeps finished jobs, inferred from the counts. Kept: for ever; rolling: for a fixed "
                "time; purged: removed many at a time; capped: up to a number of jobs; absent: not at all; silent: no "
                "job ended. Where it is absent or capped, arrivals have a lower bound only, and there is no failure "
                "rate."
            ),
        ),
    ]
