//! Every five minutes: predicts the demand of the coming hour, and writes how many Jibris must wait at each moment.

use jibri_autoscaler::{Function, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(Function::Forecast).await
}
