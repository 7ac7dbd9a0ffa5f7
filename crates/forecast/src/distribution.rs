//! The distributions of counts, and what one more Jibri is worth under them.

/// The probabilities of 0, 1, … up to `length` − 1 under a negative binomial (a Poisson with a rate that is itself gamma
/// distributed): variance = mean + overdispersion · mean². Without overdispersion it is the Poisson.
///
/// The function begins at the mean and goes both ways, since the probability of 0 may be too small for an `f64`.
pub(crate) fn negative_binomial(mean: f64, overdispersion: f64, length: usize) -> Vec<f64> {
    let mut probabilities = vec![0.0; length];
    let step = |count: usize| {
        let count = count as f64;
        mean * (1.0 + overdispersion * count) / ((1.0 + overdispersion * mean) * (count + 1.0))
    };
    let middle = (mean as usize).min(length.saturating_sub(1));
    let (mut probability, mut total) = (1.0, 0.0);
    for (count, slot) in probabilities.iter_mut().enumerate().skip(middle) {
        *slot = probability;
        total += probability;
        probability *= step(count);
    }
    probability = 1.0;
    for count in (0..middle).rev() {
        probability /= step(count);
        probabilities[count] = probability;
        total += probability;
    }
    probabilities.iter_mut().for_each(|probability| *probability /= total);
    probabilities
}

/// The most levels that are looked at: more than any pool has. It bounds what a wrong history or memory can ask for.
const MOST_LEVELS: usize = 16_384;

/// Up to which count such a distribution is looked at: larger counts are too unlikely to matter.
pub(crate) fn reach(mean: f64, overdispersion: f64) -> usize {
    ((mean + 10.0 * (mean * (1.0 + overdispersion * mean)).sqrt() + 12.0) as usize).min(MOST_LEVELS)
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

/// At most so many starts are expected between two looks at a slot. With more, some levels would be skipped.
const STARTS_A_LOOK: f64 = 2.0;
/// The most looks at one slot.
const MOST_LOOKS: f64 = 16.0;

/// How many numbers of ends are told apart at most.
const MOST_RETURNS: usize = 256;
/// A number of ends that is less likely than this is not looked at.
const LEAST_SHARE: f64 = 1e-15;

/// How many Jibris come back during the lead time, and how likely each number is. When there are more numbers than
/// [`MOST_RETURNS`], neighbouring ones are taken together.
fn returns(ends: f64) -> Vec<(usize, f64)> {
    let length = ((ends + 6.0 * ends.sqrt() + 4.0) as usize).min(MOST_LEVELS);
    let shares = negative_binomial(ends, 0.0, length).into_iter().enumerate();
    let likely: Vec<(usize, f64)> = shares.filter(|(_, share)| *share > LEAST_SHARE).collect();
    let neighbours = likely.chunks(likely.len().div_ceil(MOST_RETURNS).max(1));
    neighbours.map(|some| (some[some.len() / 2].0, some.iter().map(|(_, share)| share).sum())).collect()
}

/// For each level (the first Jibri, the second, …): how many requests of the slot are expected to find all levels below it
/// taken, and this one free. So many refusals this level saves. The sum over all levels is the demand.
pub(crate) fn marginal_refusals(demand: &Demand) -> Vec<f64> {
    let Demand { during_lead, in_slot, overdispersion, ends } = *demand;
    let looks = (in_slot / STARTS_A_LOOK).ceil().clamp(1.0, MOST_LOOKS);
    // The expected requests of the slot, by the number of starts before them.
    let mut expected = vec![0.0; reach(during_lead + in_slot / 2.0, overdispersion)];
    for look in 0..looks as usize {
        let during_lead = (during_lead + in_slot * ((look as f64 + 0.5) / looks - 0.5)).max(0.0);
        let starts = negative_binomial(during_lead, overdispersion, expected.len());
        for (started, (expected, probability)) in expected.iter_mut().zip(starts).enumerate() {
            // After many starts more are to be expected: this is the posterior mean of the rate.
            let posterior = (1.0 + overdispersion * started as f64) / (1.0 + overdispersion * during_lead);
            *expected += in_slot / looks * posterior * probability;
        }
    }
    let mut saved = after_returns(&expected, ends);
    if saved.len() == MOST_LEVELS {
        // A request beyond the last level that is looked at counts at that level, so that all levels are wanted.
        saved[MOST_LEVELS - 1] += (in_slot - saved.iter().sum::<f64>()).max(0.0);
    }
    saved
}

/// For each level: the probability that starts need it before an order of the slot arrives. So many refusals it costs
/// to end the level now.
pub(crate) fn lost_by_ending(demand: &Demand) -> Vec<f64> {
    let Demand { during_lead, in_slot, overdispersion, ends } = *demand;
    let starts = negative_binomial(during_lead, overdispersion, reach(during_lead + in_slot / 2.0, overdispersion));
    let mut taken = after_returns(&starts, ends);
    // A start beyond the last level needs all levels.
    let mut more = (1.0 - taken.iter().sum::<f64>()).max(0.0);
    taken.iter_mut().rev().for_each(|probability| more += std::mem::replace(probability, more));
    taken
}

/// Turns values by the number of starts into values by level: a Jibri that comes back serves one start more.
fn after_returns(by_starts: &[f64], ends: f64) -> Vec<f64> {
    let mut by_levels = vec![0.0; by_starts.len()];
    for (returned, share) in returns(ends) {
        // When as many come back as have started, the first level is free.
        let (served, others) = by_starts.split_at(returned.min(by_starts.len()));
        served.iter().for_each(|value| by_levels[0] += value * share);
        by_levels.iter_mut().zip(others).for_each(|(level, value)| *level += value * share);
    }
    by_levels
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
    fn a_large_demand_is_counted_in_full() {
        for overdispersion in [0.0, 1e-4, 0.02] {
            let demand = Demand { during_lead: 4_000.0, in_slot: 600.0, overdispersion, ends: 0.0 };
            let saved = marginal_refusals(&demand);
            assert!((saved.iter().sum::<f64>() - 600.0).abs() < 0.1, "{overdispersion}");
        }
    }

    #[test]
    fn neighbours_among_many_returns_are_taken_together_and_change_little() {
        let few = returns(100.0);
        assert!(few.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0), "each by itself: {few:?}");
        let many = returns(9_000.0);
        let mean = many.iter().map(|(returned, share)| *returned as f64 * share).sum::<f64>();
        assert!(many.len() <= MOST_RETURNS && (mean - 9_000.0).abs() < 3.0, "{} numbers, {mean}", many.len());
    }

    #[test]
    fn a_demand_beyond_any_pool_is_one_of_all_levels() {
        for (overdispersion, ends) in [(0.0, 0.0), (3.0, 1e9), (1.0, 16_000.0)] {
            let demand = Demand { during_lead: 1e6, in_slot: 1e4, overdispersion, ends };
            let saved = marginal_refusals(&demand);
            assert!(saved.len() == MOST_LEVELS && saved.iter().all(|saved| saved.is_finite()), "{demand:?}");
            assert!((saved.iter().sum::<f64>() - 1e4).abs() < 1e-3, "{demand:?}");
        }
    }

    #[test]
    fn no_level_is_passed_unseen_in_a_slot_of_many_starts() {
        let saved = marginal_refusals(&Demand { during_lead: 30.0, in_slot: 40.0, overdispersion: 0.0, ends: 0.0 });
        assert!(saved[14..46].iter().all(|saved| *saved > 0.5), "{saved:?}");
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

    #[test]
    fn ending_a_level_costs_what_would_have_needed_it() {
        let demand = Demand { during_lead: 2.0, in_slot: 0.5, overdispersion: 0.0, ends: 0.0 };
        let lost = lost_by_ending(&demand);
        assert!((lost[0] - (1.0 - (-2.0_f64).exp())).abs() < 1e-9, "the first level is needed unless no request comes");
        assert!((lost[1] - (1.0 - 3.0 * (-2.0_f64).exp())).abs() < 1e-9);
        assert!((lost.iter().sum::<f64>() - 2.0).abs() < 1e-6, "all levels together are needed by all requests");
        assert!(lost_by_ending(&Demand { ends: 2.0, ..demand })[0] < lost[0]);
    }
}
