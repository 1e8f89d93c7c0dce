SELECT
  AVG(
    CASE
      WHEN ISNAN(CAST(`col N` AS DOUBLE))
      OR CAST(`col N` AS DOUBLE) = CAST('inf' AS DOUBLE)
      OR CAST(`col N` AS DOUBLE) = CAST('-inf' AS DOUBLE)
      THEN NULL
      ELSE CAST(`col N` AS DOUBLE)
    END
  ) AS a0,
  COUNT(*) AS a1
FROM `main`.`t`;
