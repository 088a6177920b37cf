// tsx --conditions=@repo/source write-rows.ts FOLDER: rows.parquet and the model for make_parquet.py
import '@tensorflow/tfjs'
import { fileWriter } from 'hyparquet-writer'
import { initParams, savePretrained } from 'llama-model'
import { writeRows } from 'seq-packer/parquet'
import { config, rows } from './rows.ts'

const folder = process.argv[2] ?? '.'
await savePretrained(`${folder}/model`, { params: initParams(config, 1), config })
await writeRows(rows(), fileWriter(`${folder}/rows.parquet`))
