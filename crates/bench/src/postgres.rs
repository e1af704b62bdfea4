//! The benchmark's own databases on a `PostgreSQL` server that somebody else has started.

use futures_util::SinkExt as _;
use tokio_postgres::{Client, NoTls};

use crate::{data::Customer, seed};

/// An address without the name of its database.
#[derive(Clone, Debug)]
pub(crate) struct Postgres {
    before: String,
    after: String,
}

impl Postgres {
    /// `postgres://user:password@host:port/any?options`.
    pub(crate) fn parse(address: &str) -> Result<Self, String> {
        let (path, options) = address.split_once('?').unwrap_or((address, ""));
        let (before, _) = path
            .rsplit_once('/')
            .filter(|(before, _)| before.contains("//"))
            .ok_or("no PostgreSQL address")?;
        // No contender pays for encryption, and neither does this one.
        let kept =
            options.split('&').filter(|option| !option.is_empty() && !option.starts_with("ssl"));
        let after = kept.chain(["sslmode=disable"]).collect::<Vec<_>>().join("&");
        Ok(Self { before: before.to_owned(), after })
    }

    pub(crate) fn address(&self, database: &str) -> String {
        format!("{}/{database}?{}", self.before, self.after)
    }

    /// An empty database, in place of one of the same name.
    pub(crate) async fn create(
        &self,
        database: &str,
        template: Option<&str>,
    ) -> Result<(), String> {
        let client = self.connect("postgres").await?;
        let template =
            template.map(|name| format!(" TEMPLATE {name} STRATEGY FILE_COPY")).unwrap_or_default();
        for statement in [
            format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"),
            format!("CREATE DATABASE {database}{template}"),
        ] {
            client.batch_execute(&statement).await.map_err(explained)?;
        }
        Ok(())
    }

    pub(crate) async fn drop(&self, database: &str) -> Result<(), String> {
        let client = self.connect("postgres").await?;
        let statement = format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        client.batch_execute(&statement).await.map_err(explained)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the library wants its connection polled beside its client"
    )]
    pub(crate) async fn connect(&self, database: &str) -> Result<Client, String> {
        let (client, connection) =
            tokio_postgres::connect(&self.address(database), NoTls).await.map_err(explained)?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// The process whose children serve the connections, when it runs on this machine.
    pub(crate) async fn postmaster(&self) -> Result<Option<u32>, String> {
        let client = self.connect("postgres").await?;
        let row = client.query_one("SELECT pg_backend_pid()", &[]).await.map_err(explained)?;
        let parent = crate::process::parent(row.get::<_, i32>(0).unsigned_abs());
        let name =
            |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        Ok(parent.filter(|pid| name(pid).trim() == "postgres"))
    }

    pub(crate) async fn version(&self) -> Result<String, String> {
        let client = self.connect("postgres").await?;
        let row = client.query_one("SHOW server_version", &[]).await.map_err(explained)?;
        Ok(row.get(0))
    }

    /// How many rows a table has.
    pub(crate) async fn count(&self, database: &str, table: &str) -> Result<i64, String> {
        let client = self.connect(database).await?;
        let statement = format!("SELECT COUNT(*) FROM {table}");
        let row = client.query_one(&statement, &[]).await.map_err(explained)?;
        Ok(row.get(0))
    }

    /// Fill a database that already has its schema and the store.
    pub(crate) async fn seed(&self, database: &str, customers: i64) -> Result<(), String> {
        let client = self.connect(database).await?;
        let row = client
            .query_one(seed::STORE_ID_POSTGRES, &[&crate::data::STORE])
            .await
            .map_err(explained)?;
        let store_id: i64 = row.get(0);
        let indexes = client
            .query(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'customer' AND indexname LIKE 'customer_by%'",
                &[],
            )
            .await
            .map_err(explained)?;
        for index in &indexes {
            let statement = format!("DROP INDEX {}", index.get::<_, String>(0));
            client.batch_execute(&statement).await.map_err(explained)?;
        }
        let statement = format!("COPY customer ({}) FROM STDIN", seed::CUSTOMER_COLUMNS);
        let all = || (1..=customers).map(Customer::new);
        copy(&client, &statement, all().map(|it| customer_line(&it, store_id))).await?;
        let statement =
            format!("COPY consent_declaration ({}) FROM STDIN", seed::DECLARATION_COLUMNS);
        let line = |Customer { id, allow, deny, created, .. }| {
            format!("{store_id}\t{id}\t1\t{allow}\t{deny}\t{}\tmanagement_api\t1\n", created.0)
        };
        copy(&client, &statement, all().map(line)).await?;
        for index in &indexes {
            client.batch_execute(index.get(1)).await.map_err(explained)?;
        }
        let counter =
            "UPDATE counter SET last = $2, live = $2 WHERE store_id = $1 AND name = 'customer'";
        client.execute(counter, &[&store_id, &customers]).await.map_err(explained)?;
        // So that no contender is measured while the server tidies up after the seeding.
        for statement in ["VACUUM (FREEZE, ANALYZE) customer, consent_declaration", "CHECKPOINT"] {
            client.batch_execute(statement).await.map_err(explained)?;
        }
        Ok(())
    }
}

impl Postgres {
    /// Give each customer of a database three addresses, two metafields and two form field values.
    pub(crate) async fn seed_belongings(
        &self,
        database: &str,
        customers: i64,
    ) -> Result<(), String> {
        let client = self.connect(database).await?;
        let addresses = seed::address_statements("decode('0' || n::text, 'hex')", customers);
        for statement in addresses.iter().chain(&seed::field_statements(customers)) {
            client.batch_execute(statement).await.map_err(explained)?;
        }
        let tidy = "VACUUM (FREEZE, ANALYZE) customer_address, metafield, form_field, form_value";
        for statement in [tidy, "CHECKPOINT"] {
            client.batch_execute(statement).await.map_err(explained)?;
        }
        Ok(())
    }
}

fn customer_line(customer: &Customer, store_id: i64) -> String {
    let Customer {
        id,
        email,
        first_name,
        last_name,
        company,
        phone,
        notes,
        group_id,
        created,
        modified,
        ..
    } = customer;
    let keys = seed::Keys::of(customer);
    format!(
        "{store_id}\t{id}\t{email}\t{first_name}\t{last_name}\t{company}\t{phone}\t{notes}\t\t{group_id}\t\tf\t0\t1\t\\N\t\tf\t\
         {}\t{}\t{}\t{}\t{}\t{}\t{}\t1\n",
        keys.email, keys.name, keys.first_name, keys.last_name, keys.company, created.0, modified.0,
    )
}

/// Send lines with a `COPY … FROM STDIN`.
pub(crate) async fn copy(
    client: &Client,
    statement: &str,
    lines: impl Iterator<Item = String>,
) -> Result<(), String> {
    let sink = client.copy_in::<_, bytes::Bytes>(statement).await.map_err(explained)?;
    let mut sink = std::pin::pin!(sink);
    let mut text = String::new();
    for line in lines {
        text.push_str(&line);
        if text.len() > 1 << 20 {
            sink.send(std::mem::take(&mut text).into()).await.map_err(explained)?;
        }
    }
    sink.send(text.into()).await.map_err(explained)?;
    sink.finish().await.map_err(explained)?;
    Ok(())
}

/// The library keeps the server's words out of its `Display`.
#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
pub(crate) fn explained(error: tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| format!("PostgreSQL: {error}"), |words| format!("PostgreSQL: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_the_database_changes() {
        let postgres =
            Postgres::parse("postgres://me:pw@127.0.0.1:5433/test?sslmode=require&host=/tmp")
                .unwrap();
        assert_eq!(
            postgres.address("b"),
            "postgres://me:pw@127.0.0.1:5433/b?host=/tmp&sslmode=disable"
        );
        assert!(Postgres::parse("postgres://").is_err());
    }
}
