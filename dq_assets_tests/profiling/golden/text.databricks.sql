-- row_count
COUNT(*);
-- duplicate_row_count
COUNT(*) - COUNT(DISTINCT STRUCT(`the column` AS f0));
-- null_count
COUNT(CASE WHEN CAST(`the column` AS STRING) IS NULL THEN 1 END);
-- distinct_count
COUNT(DISTINCT CAST(`the column` AS STRING));
-- min_value
CAST(MIN(CAST(`the column` AS STRING)) AS STRING);
-- max_value
CAST(MAX(CAST(`the column` AS STRING)) AS STRING);
-- min_length
MIN(LENGTH(CAST(`the column` AS STRING)));
-- max_length
MAX(LENGTH(CAST(`the column` AS STRING)));
-- avg_length
AVG(LENGTH(CAST(`the column` AS STRING)));
-- zero_length_count
COUNT(CASE WHEN CAST(`the column` AS STRING) = '' THEN 1 END);
-- blank_count
COUNT(CASE WHEN CAST(`the column` AS STRING) <> '' AND TRIM(CAST(`the column` AS STRING)) = '' THEN 1 END);
-- leading_space_count
COUNT(CASE WHEN CAST(`the column` AS STRING) LIKE ' %' THEN 1 END);
-- trailing_space_count
COUNT(CASE WHEN CAST(`the column` AS STRING) LIKE '% ' THEN 1 END);
-- quoted_count
COUNT(CASE WHEN REGEXP_LIKE(CAST(`the column` AS STRING), '^(".*"|\'.*\')$') THEN 1 END);
-- dummy_count
COUNT(CASE WHEN REGEXP_LIKE(CAST(`the column` AS STRING), '^\\s*([-.?]+|0{2,}|9{2,}|[xX]{2,}|[zZ]{2,}|[(\\[]?(?i:blank|error|missing|tbd|n/a|#n/?a|none|null|unknown)[)\\]]?)\\s*$') THEN 1 END);
-- numeric_count
COUNT(CASE WHEN REGEXP_LIKE(CAST(`the column` AS STRING), '^\\s*[-+]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\s*$') THEN 1 END);
-- date_count
COUNT(CASE WHEN REGEXP_LIKE(CAST(`the column` AS STRING), '^\\s*([0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4})\\s*$') THEN 1 END);
-- email_count
COUNT(CASE WHEN REGEXP_LIKE(CAST(`the column` AS STRING), '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\.[A-Za-z]{2,}$') THEN 1 END);
-- non_printing_count
COUNT(CASE WHEN REGEXP_LIKE(CAST(`the column` AS STRING), '[\\x00-\\x1F\\x7F]') THEN 1 END);
-- standardized_distinct_count
COUNT(DISTINCT UPPER(TRANSLATE(CAST(`the column` AS STRING), ' "\'.-', '')));
-- shape_count
COUNT(DISTINCT REGEXP_REPLACE(REGEXP_REPLACE(REGEXP_REPLACE(CAST(`the column` AS STRING), '[\\p{Ll}\\p{Lo}\\p{Lm}]', 'a'), '[\\p{Lu}\\p{Lt}]', 'A'), '\\p{Nd}', 'N'));
