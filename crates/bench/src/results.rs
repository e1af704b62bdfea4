//! Everything a run has measured, and the questions one can ask of it.

use crate::{contenders::Kind, load::Figures, size::Size, work::Work};

/// One contender at one kind of work in one round.
pub(crate) struct Cell {
    pub(crate) round: usize,
    pub(crate) work: &'static str,
    pub(crate) kind: Kind,
    pub(crate) figures: Figures,
}

/// What was seen of a contender besides its answers.
pub(crate) struct Body {
    pub(crate) kind: Kind,
    /// Milliseconds from start to first answer.
    pub(crate) starts: Vec<f64>,
    /// Mebibytes after five seconds without a request.
    pub(crate) idle: f64,
    /// Mebibytes after all rounds of reading.
    pub(crate) after: f64,
}

#[derive(Default)]
pub(crate) struct Results {
    pub(crate) cells: Vec<Cell>,
    pub(crate) bodies: Vec<Body>,
    /// Stores of several sizes, the smallest first.
    pub(crate) sizes: Vec<Size>,
}

/// A median and how far the single rounds are from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Self { median: f64::midpoint(low, high), least, most })
    }
}

/// A contender at a kind of work.
pub(crate) type Place<'p> = (&'p str, Kind);

impl Results {
    pub(crate) fn has(&self, work: &Work, kind: Kind) -> bool {
        self.cells.iter().any(|cell| cell.work == work.key && cell.kind == kind)
    }

    /// One figure over all rounds.
    pub(crate) fn spread(&self, place: Place, figure: fn(&Figures) -> f64) -> Option<Spread> {
        let values: Vec<f64> = self.at(place).map(|cell| figure(&cell.figures)).collect();
        Spread::of(&values)
    }

    /// How one figure compares, round by round.
    pub(crate) fn ratio(
        &self,
        of: Place,
        to: Place,
        figure: fn(&Figures) -> f64,
    ) -> Option<Spread> {
        ratio(self.at(of), || self.at(to), figure)
    }

    /// How one figure compares with that of the same contender in another run of as many rounds.
    pub(crate) fn ratio_to(
        &self,
        place: Place,
        other: &Self,
        figure: fn(&Figures) -> f64,
    ) -> Option<Spread> {
        ratio(self.at(place), || other.at(place), figure)
    }

    fn at<'r>(&'r self, (work, kind): Place<'r>) -> impl Iterator<Item = &'r Cell> {
        self.cells.iter().filter(move |cell| cell.work == work && cell.kind == kind)
    }
}

fn ratio<'r, T: Iterator<Item = &'r Cell>>(
    of: impl Iterator<Item = &'r Cell>,
    to: impl Fn() -> T,
    figure: fn(&Figures) -> f64,
) -> Option<Spread> {
    let pairs = of.filter_map(|mine| {
        let theirs = to().find(|theirs| theirs.round == mine.round)?;
        Some(figure(&mine.figures) / figure(&theirs.figures))
    });
    Spread::of(&pairs.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(
            Spread::of(&[3.0, 1.0, 2.0]),
            Some(Spread { median: 2.0, least: 1.0, most: 3.0 })
        );
        assert_eq!(Spread::of(&[4.0, 1.0]).map(|spread| spread.median), Some(2.5));
        assert_eq!(Spread::of(&[]), None);
    }
}
