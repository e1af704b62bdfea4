use deadpool_postgres::Object;
use tokio_postgres::{
    Statement,
    types::{FromSql, IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};

use super::failure::{Fault, stale};
use crate::{
    FromRow, Result, Row,
    query::{KEPT, LONG},
    row::{Places, Source},
    value::{Cell, Datum},
};

/// A transaction, or the loan of a connection for one statement.
pub(crate) struct Tx {
    client: Option<Object>,
    /// Whether a transaction or a statement is not ended: then another must not borrow the connection.
    unfit: bool,
    /// Whether there is a transaction, and not the loan of a connection only.
    open: bool,
    /// A failure of a statement that is worth another run.
    fault: Option<Fault>,
}

impl Tx {
    pub(super) async fn begin(client: Object, begin: Option<&'static str>) -> Result<Self, Fault> {
        let open = begin.is_some();
        let tx = Self { client: Some(client), unfit: open, open, fault: None };
        if let Some(begin) = begin {
            tx.client()
                .batch_execute(begin)
                .await
                .map_err(|reason| Fault::of_statement(&reason))?;
        }
        Ok(tx)
    }

    pub(crate) async fn execute(&mut self, text: &str, params: &[Datum]) -> Result<u64> {
        self.unfit = true;
        let result = async {
            if params.len() > LONG {
                return self.client().execute_typed(text, &typed(params)).await;
            }
            let statement = self.prepare(text, params).await?;
            self.client().execute(&statement, &arguments(params)).await
        };
        let result = result.await;
        self.done(result)
    }

    pub(crate) async fn fetch(
        &mut self,
        text: &str,
        params: &[Datum],
    ) -> Result<Vec<tokio_postgres::Row>> {
        self.unfit = true;
        let result = async {
            if params.len() > LONG {
                return self.client().query_typed(text, &typed(params)).await;
            }
            let statement = self.prepare(text, params).await?;
            self.client().query(&statement, &arguments(params)).await
        };
        let result = result.await;
        self.done(result)
    }

    pub(crate) async fn script(&mut self, text: &str) -> Result<()> {
        let result = self.client().batch_execute(text).await;
        self.done(result)
    }

    /// Why a statement failed, if another run may end otherwise.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault.clone()
    }

    pub(crate) async fn commit(&mut self) -> Result<(), Fault> {
        self.client().batch_execute("COMMIT").await.map_err(|reason| Fault::of_commit(&reason))?;
        self.unfit = false;
        Ok(())
    }

    /// End it without keeping anything. A connection that cannot even do that is not used again.
    pub(crate) async fn roll_back(&mut self) {
        if self.open && self.client().batch_execute("ROLLBACK").await.is_ok() {
            self.unfit = false;
        }
    }

    /// Types are named here rather than asked of the server, so a null is as typed as a value is.
    ///
    /// When there are more statements than are kept, all are given up, those still in use among them. That
    /// takes as many texts never seen before, costs one round trip for each text that is used again, and
    /// needs no record of which was used last.
    async fn prepare(
        &self,
        text: &str,
        params: &[Datum],
    ) -> Result<Statement, tokio_postgres::Error> {
        let types = params.iter().map(Datum::column_type).collect::<Vec<_>>();
        let statement = self.client().prepare_typed_cached(text, &types).await?;
        let kept = &self.client().statement_cache;
        if kept.size() > KEPT {
            // Each is closed on the server as it is dropped here; this one when it has been run.
            kept.clear();
        }
        Ok(statement)
    }

    /// Note how a statement ended.
    fn done<T>(&mut self, result: Result<T, tokio_postgres::Error>) -> Result<T> {
        self.unfit = self.open;
        result.map_err(|reason| {
            let fault = Fault::of_statement(&reason);
            if stale(&reason)
                && let Some(pool) = Object::pool(self.client())
            {
                pool.manager().statement_caches.clear();
            }
            if fault.retry {
                self.fault = Some(fault.clone());
            }
            fault.error
        })
    }

    fn client(&self) -> &Object {
        self.client.as_ref().expect("it is taken only when this is dropped")
    }
}

/// What the first of these rows hold.
pub(crate) fn read<T: FromRow>(rows: &[tokio_postgres::Row], most: usize) -> Result<Vec<T>> {
    let places = Places::default();
    let read = |row| T::from_row(&Row::new(Source::Postgres(row), &places));
    rows.iter().take(most).map(read).collect()
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && self.unfit
        {
            // Cancelled half-way. Closing the connection is what makes the server roll back, and keeps
            // the next borrower from finding a transaction open.
            drop(Object::take(client));
        }
    }
}

/// For a statement that is run without a name and so is not kept, in one round trip.
fn typed(params: &[Datum]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    params.iter().map(|param| (param as &(dyn ToSql + Sync), param.column_type())).collect()
}

fn arguments(params: &[Datum]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|param| param as &(dyn ToSql + Sync)).collect()
}

/// What a column holds. Narrow integers and the kin of `text` are let in, for literals and names.
pub(crate) fn cell(row: &tokio_postgres::Row, index: usize) -> Result<Cell<'_>, String> {
    let kind = row.columns()[index].type_();
    let cell = match *kind {
        Type::BOOL => take(row, index)?.map(Cell::Bool),
        Type::INT8 => take(row, index)?.map(Cell::Int),
        Type::INT4 => take::<i32>(row, index)?.map(|value| Cell::Int(value.into())),
        Type::INT2 => take::<i16>(row, index)?.map(|value| Cell::Int(value.into())),
        Type::FLOAT8 => take(row, index)?.map(Cell::Real),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => {
            take(row, index)?.map(Cell::Text)
        }
        Type::BYTEA => take(row, index)?.map(Cell::Bytes),
        _ => return Err(format!("is a {kind}, which the engines do not share")),
    };
    Ok(cell.unwrap_or(Cell::Null))
}

fn take<'r, T: FromSql<'r>>(
    row: &'r tokio_postgres::Row,
    index: usize,
) -> Result<Option<T>, String> {
    row.try_get(index).map_err(|reason| reason.to_string())
}

impl Datum {
    fn column_type(&self) -> Type {
        match self {
            Self::Bool(_) => Type::BOOL,
            Self::Int(_) => Type::INT8,
            Self::Real(_) => Type::FLOAT8,
            Self::Text(_) => Type::TEXT,
            Self::Bytes(_) => Type::BYTEA,
        }
    }
}

impl ToSql for Datum {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Bool(value) => value.to_sql(kind, out),
            Self::Int(value) => value.to_sql(kind, out),
            Self::Real(value) => value.to_sql(kind, out),
            Self::Text(value) => value.to_sql(kind, out),
            Self::Bytes(value) => value.to_sql(kind, out),
        }
    }

    /// Anything: the statement was prepared with the parameters' own types.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
