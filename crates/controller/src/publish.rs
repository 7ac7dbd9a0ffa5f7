//! Publishing metrics: the last thing a tick does, so that nothing that is wrong with it keeps the tick from its work.

use crate::{
    Settings, TickError,
    ports::{CloudWriter, Datum},
};

/// Publishes a tick's metrics if there is a writer. What keeps them from being published is an error of the tick.
pub(crate) async fn publish<W: CloudWriter>(
    settings: &Settings,
    writer: Option<&W>,
    metrics: &[Datum],
    errors: &mut TickError,
) {
    match (&settings.metric_namespace, writer) {
        (Err(problem), _) => errors.add(format!("no metric is published: {problem}")),
        (Ok(_), None) => {}
        (Ok(_), Some(writer)) => {
            if let Err(error) = writer.put_metrics(metrics).await {
                errors.add(error);
            }
        }
    }
}
