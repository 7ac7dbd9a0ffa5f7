//! The distributions of counts, and what one more Jibri is worth under them.

/// The probabilities of 0, 1, … up to `length` − 1 under a negative binomial (a Poisson whose rate is itself gamma
/// distributed): variance = mean + overdispersion · mean². Without overdispersion it is the Poisson.
pub(crate) fn negative_binomial(mean: f64, overdispersion: f64, length: usize) -> Vec<f64> {
    let mut probabilities = Vec::with_capacity(length);
    let is_poisson = overdispersion * mean.max(1.0) < 1e-6;
    let mut probability = match is_poisson {
        true => (-mean).exp(),
        false => (-(overdispersion * mean).ln_1p() / overdispersion).exp(),
    };
    for count in 0..length {
        probabilities.push(probability);
        let count = count as f64;
        probability *= match is_poisson {
            true => mean / (count + 1.0),
            false => mean * (1.0 + overdispersion * count) / ((1.0 + overdispersion * mean) * (count + 1.0)),
        };
    }
    probabilities
}

/// How many counts of such a distribution are worth a look.
pub(crate) fn reach(mean: f64, overdispersion: f64) -> usize {
    (mean + 10.0 * (mean * (1.0 + overdispersion * mean)).sqrt() + 12.0) as usize
}

/// The demand that one slot's launches face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Demand {
    /// Expected starts from the order until the middle of the slot in which it arrives.
    pub(crate) during_lead: f64,
    /// Expected starts in that slot.
    pub(crate) in_slot: f64,
    /// Their overdispersion, the uncertainty of the means included.
    pub(crate) overdispersion: f64,
    /// Expected ends of recordings during the lead time: each gives a Jibri back.
    pub(crate) ends: f64,
}

/// For each level (the first Jibri, the second, …): the expected requests of the slot that find all below it taken,
/// and this one free. That is what having this level saves in refusals; over all levels it adds up to the demand.
pub(crate) fn marginal_refusals(demand: &Demand) -> Vec<f64> {
    let Demand { during_lead, in_slot, overdispersion, ends } = *demand;
    let length = reach(during_lead, overdispersion);
    let starts = negative_binomial(during_lead, overdispersion, length);
    let returns = negative_binomial(ends, 0.0, (ends + 6.0 * ends.sqrt() + 4.0) as usize);
    let mut saved = vec![0.0; length];
    for (started, probability) in starts.iter().enumerate() {
        // Who has seen many starts must expect more: the posterior mean of the rate.
        let rate = in_slot * (1.0 + overdispersion * started as f64) / (1.0 + overdispersion * during_lead);
        for (returned, share) in returns.iter().enumerate() {
            saved[started.saturating_sub(returned)] += rate * probability * share;
        }
    }
    saved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(probabilities: &[f64]) -> (f64, f64, f64) {
        let sum = |power: i32| -> f64 {
            probabilities.iter().enumerate().map(|(count, share)| (count as f64).powi(power) * share).sum()
        };
        (sum(0), sum(1), sum(2) - sum(1).powi(2))
    }

    #[test]
    fn the_distribution_has_the_moments_that_it_is_asked_for() {
        for (mean, overdispersion) in [(0.0, 0.1), (0.3, 0.0), (4.0, 0.0), (4.0, 1e-9), (12.0, 0.05), (7.0, 0.6)] {
            let (total, first, variance) = moments(&negative_binomial(mean, overdispersion, 400));
            assert!((total - 1.0).abs() < 1e-9, "{mean} {overdispersion}: {total}");
            assert!((first - mean).abs() < 1e-6, "{mean} {overdispersion}: {first}");
            assert!(
                (variance - mean - overdispersion * mean * mean).abs() < 1e-5,
                "{mean} {overdispersion}: {variance}"
            );
        }
    }

    #[test]
    fn the_levels_add_up_to_the_demand_and_each_is_worth_less_beyond_it() {
        let demand = Demand { during_lead: 6.0, in_slot: 1.5, overdispersion: 0.08, ends: 1.2 };
        let saved = marginal_refusals(&demand);
        assert!((saved.iter().sum::<f64>() - 1.5).abs() < 1e-3, "{}", saved.iter().sum::<f64>());
        assert!(saved[8..].is_sorted_by(|nearer, farther| nearer >= farther));
    }

    #[test]
    fn a_poisson_demand_without_ends_is_the_loss_of_textbooks() {
        // The (n + 1)th Jibri is the one that is needed when n have been taken.
        let saved = marginal_refusals(&Demand { during_lead: 2.0, in_slot: 0.5, overdispersion: 0.0, ends: 0.0 });
        let taken_two = 2.0_f64.powi(2) / 2.0 * (-2.0_f64).exp();
        assert!((saved[2] - 0.5 * taken_two).abs() < 1e-12);
    }

    #[test]
    fn what_comes_back_during_the_lead_lowers_what_the_upper_levels_are_worth() {
        let without = Demand { during_lead: 3.0, in_slot: 1.0, overdispersion: 0.02, ends: 0.0 };
        let with = Demand { ends: 2.0, ..without };
        let above = |demand: &Demand| marginal_refusals(demand)[5..].iter().sum::<f64>();
        assert!(above(&with) < 0.5 * above(&without));
    }
}
