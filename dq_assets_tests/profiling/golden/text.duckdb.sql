-- row_count
COUNT(*);
-- duplicate_row_count
COUNT(*) - COUNT(DISTINCT {'f0': "the column"});
-- null_count
COUNT(CASE WHEN "the column" IS NULL THEN 1 END);
-- distinct_count
COUNT(DISTINCT "the column");
-- min_value
CAST(MIN("the column") AS TEXT);
-- max_value
CAST(MAX("the column") AS TEXT);
-- min_length
MIN(LENGTH("the column"));
-- max_length
MAX(LENGTH("the column"));
-- avg_length
AVG(LENGTH("the column"));
-- zero_length_count
COUNT(CASE WHEN "the column" = '' THEN 1 END);
-- blank_count
COUNT(CASE WHEN "the column" <> '' AND TRIM("the column") = '' THEN 1 END);
-- leading_space_count
COUNT(CASE WHEN "the column" LIKE ' %' THEN 1 END);
-- trailing_space_count
COUNT(CASE WHEN "the column" LIKE '% ' THEN 1 END);
-- quoted_count
COUNT(CASE WHEN REGEXP_MATCHES("the column", '^(".*"|''.*'')$') THEN 1 END);
-- dummy_count
COUNT(CASE WHEN REGEXP_MATCHES("the column", '^\s*([-.?]+|0{2,}|9{2,}|[xX]{2,}|[zZ]{2,}|[(\[]?(?i:blank|error|missing|tbd|n/a|#n/?a|none|null|unknown)[)\]]?)\s*$') THEN 1 END);
-- numeric_count
COUNT(CASE WHEN REGEXP_MATCHES("the column", '^\s*[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*$') THEN 1 END);
-- date_count
COUNT(CASE WHEN REGEXP_MATCHES("the column", '^\s*([0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4})\s*$') THEN 1 END);
-- email_count
COUNT(CASE WHEN REGEXP_MATCHES("the column", '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$') THEN 1 END);
-- non_printing_count
COUNT(CASE WHEN REGEXP_MATCHES("the column", '[\x00-\x1F\x7F]') THEN 1 END);
-- standardized_distinct_count
COUNT(DISTINCT UPPER(TRANSLATE("the column", ' "''.-', '')));
-- shape_count
COUNT(DISTINCT REGEXP_REPLACE(REGEXP_REPLACE(REGEXP_REPLACE("the column", '[\p{Ll}\p{Lo}\p{Lm}]', 'a', 'g'), '[\p{Lu}\p{Lt}]', 'A', 'g'), '\p{Nd}', 'N', 'g'));
