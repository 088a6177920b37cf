import { element } from './element.ts'

export interface VirtualList<Item> {
  readonly element: HTMLElement
  /** Puts other items into the list and selects the first. */
  readonly show: (items: readonly Item[]) => void
}

const ROW_HEIGHT = 62 // as in style.css
const MARGIN = 4 // rows drawn above and below what is seen

/** A list of any length, of which only the rows in sight are in the page. Arrow keys and clicks select; `onSelect` gets undefined for an empty list. */
export function virtualList<Item>(render: (item: Item) => HTMLElement, onSelect: (item: Item | undefined) => void): VirtualList<Item> {
  const sheet = element('div', { className: 'sheet' })
  const list = element('div', { className: 'list', tabIndex: 0, role: 'listbox', ariaLabel: 'Outcomes' }, sheet)
  let items: readonly Item[] = []
  let selected = 0

  const draw = (): void => {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW_HEIGHT) - MARGIN)
    const end = Math.min(items.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW_HEIGHT) + MARGIN)
    const rows = items.slice(first, end).map((item, i) => {
      const place = first + i
      const row = Object.assign(render(item), { id: `row-${place}`, role: 'option', ariaSelected: String(place === selected) })
      row.setAttribute('aria-posinset', String(place + 1))
      row.setAttribute('aria-setsize', String(items.length))
      row.style.top = `${place * ROW_HEIGHT}px`
      row.addEventListener('click', () => select(place))
      return row
    })
    sheet.replaceChildren(...rows)
  }
  const select = (place: number): void => {
    selected = Math.max(0, Math.min(items.length - 1, place))
    const top = selected * ROW_HEIGHT
    if (top < list.scrollTop) list.scrollTop = top
    else if (top + ROW_HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW_HEIGHT - list.clientHeight
    list.setAttribute('aria-activedescendant', `row-${selected}`)
    draw()
    onSelect(items[selected])
  }
  list.addEventListener('scroll', () => requestAnimationFrame(draw))
  new ResizeObserver(draw).observe(list)
  list.addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor(list.clientHeight / ROW_HEIGHT) - 1)
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -items.length,
      End: items.length,
    }
    const step = steps[event.key]
    if (step === undefined) return
    event.preventDefault()
    select(selected + step)
  })
  return {
    element: list,
    show(shown) {
      items = shown
      sheet.style.height = `${items.length * ROW_HEIGHT}px`
      list.scrollTop = 0
      select(0)
    },
  }
}
