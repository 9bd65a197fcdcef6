"""What the words of a report mean, and how its figures were made."""

from analysis.text.language import _


def definitions() -> list[tuple[str, str]]:
    """Return terms and what they mean, translated."""
    return [
        (
            _("Wait"),
            _(
                "From the job's arrival until it left the queue, by starting or by giving up. A window's waits are "
                "those of the jobs that arrived in it, whenever they left."
            ),
        ),
        (
            _("Bounds"),
            _(
                "Counts do not tell which job left. The bounds hold for every order in which the jobs can have been "
                "served, and for every place of each event between two polls. Where none is given upwards, some of "
                "the jobs may still be waiting."
            ),
        ),
        (
            _("Value"),
            _(
                "Lies within the bounds, and assumes the order of service that is named at the end of this report. "
                "Nothing is said finer than the poll interval."
            ),
        ),
        (
            _("9 of 10 waited at most"),
            _("The smallest wait that at least nine of ten jobs did not exceed; the others likewise."),
        ),
        (
            _("Failure rate"),
            _(
                "Failed jobs among those that completed, failed or were terminated. Its 95 % interval is about the "
                "underlying rate: failures come in bursts, and by how much days scatter more than coin tosses widens "
                "it."
            ),
        ),
        (
            _("Seen"),
            _(
                "The share of the polls that were answered. What was not seen is unknown, never zero: figures have no"
                " line across it, and it widens bounds."
            ),
        ),
        (
            _("Differs, goes, changed"),
            _(
                "Days that follow each other are alike, so n of them tell less than n. Intervals respect that, and "
                "what the bounds leave open; below ten independent days none is given. No direction shown is no proof"
                " that nothing moved."
            ),
        ),
        (
            _("Sure and unsure"),
            _(
                "Of many comparisons some show a difference by chance. Those called sure are chosen so that about one"
                " in twenty of them is chance. Unsure are those that the counts show and chance may explain, or about"
                " which there are too few independent days."
            ),
        ),
        (
            _("Another capacity"),
            _(
                "The jobs that came are rebuilt from the counts and replayed through pools of another capacity. Which "
                "sizes they had, who passed whom and which job ran how long is assumed in many ways; each is made to "
                "give the waiting that was seen, and counts by how alike it is to all that was counted. Of the truths "
                "of simulated pools nine in ten or more lay in the intervals."
            ),
        ),
        (
            _("What comes"),
            _(
                "The median of the weeks before, of which newer ones count more. Intervals are as wide as forecasts "
                "from earlier days of the record had to be, and are judged on days that did not choose them. A week "
                "has the chance that it brings more than today's capacity takes."
            ),
        ),
        (
            _("Finished jobs"),
            _(
                "How the API keeps them, found from the counts: kept; rolling, for a time; purged in batches; capped "
                "at a ceiling; absent, where nothing is kept; silent, where nothing ended. Where they are absent or "
                "capped, what came is bounded below only, and no failure rate can be had."
            ),
        ),
    ]
