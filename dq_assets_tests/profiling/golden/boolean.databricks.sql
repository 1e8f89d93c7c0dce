-- row_count
COUNT(*);
-- duplicate_row_count
COUNT(*) - COUNT(DISTINCT STRUCT(`the column` AS f0));
-- null_count
COUNT(CASE WHEN `the column` IS NULL THEN 1 END);
-- distinct_count
COUNT(DISTINCT `the column`);
-- true_count
COUNT(CASE WHEN `the column` THEN 1 END);
-- false_count
COUNT(CASE WHEN NOT `the column` THEN 1 END);
