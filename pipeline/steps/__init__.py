"""What each asset does at the edge: disk, clock, journal and warehouse in hand, no Dagster.

The rooms below stay pure; the rooms above (assets, cli) only schedule and show.

scope     which part of a portfolio a step works on, and when it is
progress  how far a step is, told to whoever listens
logs      the log: lines of JSON with run and site, warnings as sentences
names     whose meter, charger or car a name inside a file is
placing   local times and nameless meters get their site
filing    local day and bill month of a record
reading   files to records, small ones side by side
file_load  one file into the warehouse, piece by piece
known_files  which content each file had, read again only where it may have changed
loading   landing/ -> the warehouse's current records
settling  which of the portfolio's files nobody is writing any more
bill_inputs  the files that `v2b bill` reads
ranking   stored worlds under every tariff of the portfolio
workbook  a workbook of the analysts' views
exporting  the analysts' views as files
first_site  a first portfolio from a person's own files
columns   which column of savings_month holds which figure
history   what the warehouse knows of a site's earlier bills
months    computes the stale bills of every site
planning  a site's measurement and verification plan
restating  what a new version of a report changes, and why
reports   renders what is due
stale     which months a run has to materialize
outcome   what ends a run red
due       which reports, corrections and reminders are due
digests   which digests are due
sending   mails what is due, each once
alerting  tells the operator of failed runs
status    the one screen that says what to do next
"""
