"""Charts, the monthly report, its e-mail body: frames and figures in, text and pictures out.

The modules, in reading order (each may import only those above it):

inputs           what a report is made from, and what it is made into
language         numbers, money, dates and sentences in the reader's language
facts            what a `summary.json` says, asked by name
peak_day         the day that set the bill, as plain numbers
days             every day's highest window, as plain numbers
months           up to twelve bills, as plain numbers
cars             the cars on the peak day, as plain numbers
heat             the change in demand by day and hour, as plain numbers
theme            colours with their meaning, the font, the Vega config
drawing          from Altair marks and words to SVG and PNG
plot             marks, axes and labels all charts share
charts           the charts of demand by day
months_chart     the chart of the bills
fleet_charts     the charts of the cars
wording          the answer in one sentence, and in a mail's subject
view             tiles, bill lines, data tables
captions         titles, reading help and alt texts of the charts of demand
fleet_captions   the same and the tables of the charts of the cars
figures          charts with captions, keys and tables, drawn in any size
worth            what the saving came from, what lies ahead, the utility's bill beside ours
checked          what other days say of the saving, or why they cannot, and what would let them
missed           what the same cars could have saved, and advice
beside           energy left in the cars, outages ridden through, CO2, and what a new version corrects
assumed          what the figures rest on that nobody measured exactly
notes            how sure we are
content          everything a report prints
templating       the Jinja2 environment
pdf              the report on paper: tagged PDF
email_body       the e-mail as HTML and text
monthly          the monthly report
bulk             many monthly reports by several processes
portfolio_page   every site and month in one page
"""
