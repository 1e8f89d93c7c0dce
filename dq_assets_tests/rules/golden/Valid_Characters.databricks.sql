SELECT
  COUNT(
    CASE
      WHEN CAST(`col A` AS STRING) LIKE ' %'
      OR CAST(`col A` AS STRING) LIKE '% '
      OR REGEXP_LIKE(CAST(`col A` AS STRING), '(?s)^(".*"|\'.*\')$')
      OR REGEXP_LIKE(CAST(`col A` AS STRING), '[\\x00-\\x1F\\x7F]')
      THEN 1
    END
  ) AS a0,
  COUNT(*) AS a1
FROM `main`.`t`;
SELECT
  CAST(`col A` AS STRING) LIKE ' %'
  OR CAST(`col A` AS STRING) LIKE '% '
  OR REGEXP_LIKE(CAST(`col A` AS STRING), '(?s)^(".*"|\'.*\')$')
  OR REGEXP_LIKE(CAST(`col A` AS STRING), '[\\x00-\\x1F\\x7F]') AS failing
FROM `main`.`t`;
