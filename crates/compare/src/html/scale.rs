//! From figures to places in a drawing.

/// An axis: figures from `least` to `most`, drawn from `begin` to `end`.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) begin: f64,
    pub(super) end: f64,
}

impl Scale {
    /// The place of a figure, evenly.
    pub(super) fn linear(&self, figure: f64) -> f64 {
        self.place((figure - self.least) / (self.most - self.least))
    }

    /// The place of a figure by its logarithm; what is under the least is at the edge.
    pub(super) fn logarithmic(&self, figure: f64) -> f64 {
        self.place((figure.max(self.least) / self.least).log10() / (self.most / self.least).log10())
    }

    fn place(&self, share: f64) -> f64 {
        self.begin + (self.end - self.begin) * share
    }

    /// 1, 2 and 5 of each power of ten within the axis.
    pub(super) fn logarithmic_ticks(&self) -> Vec<f64> {
        let powers = (-9..10).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(power)));
        powers.filter(|tick| (self.least * 0.999..=self.most * 1.001).contains(tick)).collect()
    }
}

/// Moves labels apart, so that each has `room`; keeps their order. Takes and gives their places, sorted by place.
pub(super) fn spread(places: &mut [f64], room: f64, least: f64, most: f64) {
    for index in 0..places.len() {
        let above = if index == 0 { least } else { places[index - 1] + room };
        places[index] = places[index].max(above);
    }
    let mut below = most;
    for place in places.iter_mut().rev() {
        *place = place.min(below);
        below = *place - room;
    }
}
